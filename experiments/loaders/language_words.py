"""Letters and frequent words that tell languages of one script apart."""
# ruff: noqa: RUF001

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["LETTERS", "WORDS"]

LETTERS: Mapping[str, Mapping[str, str]] = {
    "arabic": {
        "ur": "ٹڈڑںےہھ",
        "fa": "پچژگکی",
        "ar": "ةيكىأإ",
    },
    "cyrillic": {
        "ru": "ыэё",
        "bg": "ъщ",
        "uk": "іїєґ",
    },
    "latin": {
        "vi": "ăđơưạảấầậếệềộốồớợừự",
        "de": "ßü",
        "fi": "ä",
        "pt": "ãõ",
        "es": "ñ¿¡",
        "fr": "œê",
        "it": "ìò",
        "pl": "łęą",
        "tr": "ığş",
    },
    "devanagari": {},
}
"""By script and language: letters that the others of the script have not, or hardly."""
WORDS: Mapping[str, Mapping[str, str]] = {
    "latin": {
        "en": (
            "the of and to in is that for it with as was on are be this by you not or from at your have will can an all"
        ),
        "de": ("der die das und ist nicht ein eine zu den mit von sie ich auf für im dem des wir es sind werden auch"),
        "fr": ("le la les et des est un une dans que pour qui sur pas vous nous avec du au ce il elle sont"),
        "es": "el los las y es una por con para que no se del al como su lo pero más este está muy",
        "it": ("il lo gli e è un una di che per con non si del della sono nel alla anche più come questo ma dei"),
        "pt": ("o os as e é um uma de que para com não se do da em no na mais como por dos das são seu"),
        "nl": ("de het een en van is niet dat op te voor met zijn er aan ook als naar maar bij worden"),
        "fi": "ja on ei se että hän olla ovat myös kun mutta jos oli tämä ole voi niin sekä joka",
        "sw": ("na ya wa kwa ni katika za la kuwa hii hiyo kama cha yake si pia lakini watu sana au hivyo"),
        "vi": "và của là có không một cho được trong với những các tôi bạn",
        "pl": "i w na z nie jest to się do że jak od po tym przez",
        "tr": "ve bir bu için ile de da çok olarak gibi daha ne var",
    },
    "cyrillic": {
        "ru": "и в не на я что с по это как для из к у был",
        "bg": "и на да е се за от са с не в това по като ще",
        "uk": "і в на не що з як це для та до",
    },
    "devanagari": {
        "hi": "है के में की का और से को हैं पर ने यह नहीं भी हो आप",
        "mr": "आहे आणि नाही आहेत ते हे या मी तर हा होते आपल्या करून",
        "ne": "छ छन् र मा को हो लाई गर्न पनि यो छैन तपाईं हुन्छ गर्नु",
    },
    "arabic": {
        "ar": "في من على إلى أن هذا مع التي عن لا",
        "fa": "و در به از که این را با است برای آن می",
        "ur": "کے میں کی ہے اور سے کا کو نے ہیں یہ پر",
    },
}
"""By script and language: frequent words, between blanks."""
