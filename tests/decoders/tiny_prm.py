"""Small random process reward models, saved in the layouts that are published. Imports torch."""

import functools
import json

import tiny
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    AutoTokenizer,
    LlamaConfig,
    LlamaForTokenClassification,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen2Model,
)

TAG = "ки"
QUESTION = "Tom has 4 nuts. He has three more bolts than nuts. How many bolts?"
STEPS = ("S1: nuts are given [nuts = 4]", "S2: [bolts = nuts + 3] <- S1", "S3: answer [bolts = 7] <- S2")
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@functools.cache
def qwen_tokenizer():
    """Byte-level pieces with Qwen's special tokens and chat template."""
    fast = tiny.tokenizer().backend_tokenizer.to_str()
    special = ["<|im_start|>", "<|im_end|>", "<extra_0>"]
    ends = {"eos_token": "<|im_end|>", "pad_token": tiny.END}
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(fast), extra_special_tokens=special, **ends
    )
    tokenizer.chat_template = CHATML
    return tokenizer


@functools.cache
def shepherd_tokenizer():
    """Sentencepiece-like, as Mistral's: a start token, a mark for spaces, the tag and the two words as pieces."""
    words = ["\u2581" + TAG, "\u2581+", "\u2581-", "\u2581nuts", "\u2581bolts", "\u2581", TAG, "nuts", "\u2581="]
    letters = [f"<0x{byte:02X}>" for byte in range(256)]
    printable = [chr(code) for code in range(33, 127)]
    vocab = list(dict.fromkeys(["<unk>", "<s>", "</s>", *letters, *words, *printable]))
    weighed = [(word, -1.0 - 0.01 * n) for n, word in enumerate(vocab)]
    unigram = Tokenizer(models.Unigram(weighed, 0, byte_fallback=True))
    unigram.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    unigram.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    unigram.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=unigram, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def merging_tokenizer():
    """A tokenizer that reads the tag and the line end after it as one token."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator([f"{TAG}\n" * 50], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bpe)


def forgetful_tokenizer():
    """A tokenizer that drops white space, so that a newline is no token at all."""
    vocab = {word: index for index, word in enumerate(["[UNK]", "nuts", "bolts"])}
    words = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]")


def sized(config, tokenizer, **more):
    """A configuration of a few thousand parameters."""
    options = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
    }
    return config(**{**options, **more})


def sharpen(module, scale=6.0):
    """Larger weights, so that scores spread."""
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() > 1:
                parameter.mul_(scale)
    return module.eval()


def trl(folder, tokenizer=None, seed=0, **more):
    """A token classifier, as TRL's trainer saves it."""
    torch.manual_seed(seed)
    tokenizer = tokenizer or shepherd_tokenizer()
    model = sharpen(LlamaForTokenClassification(sized(LlamaConfig, tokenizer, num_labels=2, **more)))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model, tokenizer


def shepherd(folder, tokenizer=None, seed=0):
    """A causal language model that knows the tag and the two words."""
    torch.manual_seed(seed)
    tokenizer = tokenizer or shepherd_tokenizer()
    model = sharpen(MistralForCausalLM(sized(MistralConfig, tokenizer, sliding_window=None)))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model, tokenizer


def _save(folder, config, tensors, architecture, **more):
    folder.mkdir(parents=True, exist_ok=True)
    stated = config.to_dict() | {"architectures": [architecture]} | more
    (folder / "config.json").write_text(json.dumps(stated, default=str))
    tensors = {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def qwen(folder, seed=2):
    """The layout of Qwen2.5-Math-PRM: a class of its own, with a head of two layers."""
    torch.manual_seed(seed)
    tokenizer = qwen_tokenizer()
    config = sized(Qwen2Config, tokenizer, use_sliding_window=False)
    backbone = sharpen(Qwen2Model(config))
    head = sharpen(torch.nn.Sequential(torch.nn.Linear(32, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2)), 4.0)
    tensors = {f"model.{name}": tensor for name, tensor in backbone.state_dict().items()}
    tensors |= {f"score.{name}": tensor for name, tensor in head.state_dict().items()}
    auto = {"AutoModel": "modeling_qwen2_rm.Qwen2ForProcessRewardModel"}
    _save(folder, config, tensors, "Qwen2ForProcessRewardModel", auto_map=auto)
    (folder / "modeling_qwen2_rm.py").write_text("raise RuntimeError('code of the repository was run')\n")
    tokenizer.save_pretrained(folder)
    # The class that an architecture brings may split text in its own way, so the one that is loaded counts.
    return (backbone, head), AutoTokenizer.from_pretrained(folder)


def skywork(folder, seed=0):
    """The layout of Skywork-o1-Open-PRM: a language model with a value head beside it."""
    torch.manual_seed(seed)
    fast = Tokenizer.from_str(tiny.tokenizer().backend_tokenizer.to_str())
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=fast, bos_token=tiny.END, eos_token=tiny.END)
    config = sized(Qwen2Config, tokenizer, use_sliding_window=False, tie_word_embeddings=False)
    model = sharpen(Qwen2ForCausalLM(config))
    summary = sharpen(torch.nn.Linear(32, 1), 3.0)
    tensors = dict(model.state_dict())
    tensors |= {f"v_head.summary.{name}": tensor for name, tensor in summary.state_dict().items()}
    _save(folder, config, tensors, "Qwen2ForPrmModel")
    tokenizer.save_pretrained(folder)
    return (model, summary), AutoTokenizer.from_pretrained(folder)


