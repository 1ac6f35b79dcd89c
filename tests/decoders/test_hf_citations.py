"""Constrained decoding: no text under the constraint holds a citation that is invalid or left open."""

import asyncio
import importlib
import re
import sys
from pathlib import Path

import pytest
from planneal.decoders.citation_processor import OUTSIDE, CitationGrammar, CitationVocabulary, citation_logits_processor

ALLOWED = ("S1", "S2", "S12", "C3")
GROUP = re.compile(r"(?:S1|S2|S12|C3)(?:, (?:S1|S2|S12|C3))*")


def invalid_citations(text):
    """Bracket groups that are no valid citation; a `[` that is never closed counts."""
    return [
        body
        for body in re.findall(r"\[([^\]]*\]?)", text)
        if not GROUP.fullmatch(body.removesuffix("]")) or not body.endswith("]")
    ]


def test_the_check_of_this_test_knows_good_from_bad():
    assert not invalid_citations("a = 1 [S1]\nb ] [S2, S12]")
    for text in ("[S3]", "[S1,S2]", "[S1", "[]", "[S1, ]", "[[S1]]", "x [S1] [", "[S1] [S"):
        assert invalid_citations(text)


@pytest.mark.parametrize(
    ("text", "alive"),
    [
        ("a = 1 [S1]\n", True),
        ("a = 1 [S12, C3] [S2]", True),
        ("[S1", True),
        ("[S1, ", True),
        ("] free ] text", True),
        ("[S1,S2]", False),
        ("[S3", False),
        ("[S1, S1", True),  # may still become S12
        ("[S1, S1]", False),
        ("[]", False),
        ("[[", False),
        ("[S1, ]", False),
        ("[S1 ]", False),
    ],
)
def test_the_grammar_follows_a_text(text, alive):
    assert (CitationGrammar(ALLOWED).walk(OUTSIDE, text.encode()) is not None) == alive


@pytest.mark.parametrize(
    ("text", "alive"),
    [
        ("```python\nxs = [x for x in xs][0]  # [S1]\n```\nanswer: f [S1]", True),
        ("```\nxs[0]\n```\n[S9]", False),
        ("```\nxs[0]\n``\n`[S9] still code", True),
        ("``[S9]", False),
        ("`` `[S9]", False),
        ("a ``` [x", True),
    ],
)
def test_a_program_between_fences_is_free(text, alive):
    assert (CitationGrammar(ALLOWED).walk(OUTSIDE, text.encode()) is not None) == alive
    pieces = [bytes([byte]) for byte in sorted(set(text.encode()))]
    pieces += [b"``", b"`\n[", b"]\n`", b"```py\n[", b"```\n[S9"]
    constraint = CitationVocabulary(pieces).constraint(ALLOWED)
    state = OUTSIDE
    for byte in text.encode():  # what the restriction lets through is what the grammar accepts
        rule = constraint.restriction(state)
        free = {pieces[token] for token in rule.tokens.tolist()}
        free = free if rule.allow else set(pieces) - free
        assert free == {piece for piece in pieces if constraint.grammar.walk(state, piece) is not None}
        following = constraint.grammar.step(state, byte)
        if following is None:
            break
        token = pieces.index(bytes([byte]))
        assert constraint.advance(state, token) == following
        state = following


def test_the_grammar_knows_what_closing_takes():
    grammar = CitationGrammar(ALLOWED)
    for text, closing in [
        ("x", 0),
        ("[", 3),
        ("[S", 2),
        ("[S1", 1),
        ("[S1,", 4),
        ("[S1, ", 3),
        ("[S1, S1", 2),
        ("[C", 2),
    ]:
        assert grammar.closing(grammar.walk(OUTSIDE, text.encode())) == closing
    assert CitationGrammar([]).walk(OUTSIDE, b"[") is None  # nothing to cite: nothing can be opened
    assert CitationGrammar(["S1", "S\u00e9"], frozenset(b"S1]")).ids == {b"S1"}
    assert CitationGrammar(["S1"], frozenset(b"S1")).ids == frozenset()  # no way to write the bracket


def test_tokens_that_run_across_the_brackets_are_judged_as_a_whole():
    pieces = [
        b"",
        b"S",
        b"1",
        b"2",
        b"[",
        b"]",
        b",",
        b" ",
        b"[S",
        b" [S1]\n",
        b"1]\n[S2",
        b"1] [X",
        b", S2]",
        b"]]",
        b"S9",
        b"x",
    ]
    vocabulary = CitationVocabulary(pieces)
    constraint = vocabulary.constraint(["S1", "S2"])

    def allowed(text, remaining=None):
        state = constraint.grammar.walk(OUTSIDE, text.encode())
        rule = constraint.restriction(state, remaining)
        named = {pieces[token] for token in rule.tokens.tolist()}
        return named if rule.allow else set(pieces) - named

    assert allowed("a") == set(pieces) - {b"1]\n[S2", b"1] [X"} | {b"1]\n[S2"}
    assert allowed("[") == {b"S"}
    assert allowed("[S") == {b"1", b"2", b"1]\n[S2"}
    assert allowed("[S1") == {b"]", b",", b", S2]", b"]]"}
    assert allowed("[S2") == {b"]", b",", b"]]"}
    # With four tokens left `[` can still become `[S1]`; with three only what is shorter to close.
    assert b"[" in allowed("a", 4)
    assert b"[" not in allowed("a", 3)
    assert b"[S" in allowed("a", 3)
    assert allowed("a", 1) & {b"[", b"[S", b" [S1]\n"} == {b" [S1]\n"}
    assert allowed("[S1", 1) == {b"]", b", S2]", b"]]"}


torch = pytest.importorskip("torch", reason="needs the local extra (torch)")
pytest.importorskip("transformers", reason="needs the local extra (transformers)")
sys.path.append(str(Path(__file__).parent))
tiny = importlib.import_module("tiny")

from planneal.decoders.base import SampleRequest  # noqa: E402
from planneal.decoders.hf_backend import HFModel  # noqa: E402
from planneal.decoders.hf_tokens import TokenTable  # noqa: E402


def bracket_lover():
    """A random model that likes tokens with brackets, so that the constraint has work to do."""
    model = tiny.llama(scale=1.0)
    pieces = TokenTable(tiny.tokenizer()).pieces
    liked = [i for i, piece in enumerate(pieces) if b"[" in piece or b"]" in piece or piece in (b"S", b"S2", b", ")]
    assert sum(len(pieces[i]) > 1 for i in liked) >= 6  # several characters around the bracket
    head = model.lm_head
    model.lm_head = torch.nn.Linear(head.in_features, head.out_features)
    with torch.no_grad():
        model.lm_head.weight.copy_(head.weight)
        model.lm_head.bias.zero_()
        model.lm_head.bias[liked] = 3.0
        model.lm_head.bias[tiny.tokenizer().eos_token_id] = 1.0
    return model


def texts(allowed):
    lm = HFModel(bracket_lover(), tiny.tokenizer(), name="hf/tiny")

    async def main():
        requests = [
            SampleRequest.of(
                f"{i} nuts\nanswer:\n",
                n=10,
                temperature=1.0,
                seed=i,
                max_tokens=3 + i,
                allowed_citations=allowed if i % 4 else ALLOWED if allowed is not None else None,
            )
            for i in range(20)
        ]
        return await asyncio.gather(*(lm.sample(request) for request in requests))

    return [completion.text for sample in asyncio.run(main()) for completion in sample]


def test_two_hundred_random_texts_hold_no_invalid_citation():
    free = texts(None)
    assert sum(bool(invalid_citations(text)) for text in free) > 100  # negative control
    held = texts(ALLOWED)
    assert len(held) == 200
    assert not [text for text in held if invalid_citations(text)]
    assert sum(len(GROUP.findall(text)) for text in held) > 200  # and they do cite
    assert any(re.search(r"\[\w+, ", text) for text in held)


def test_without_anything_to_cite_there_are_no_brackets():
    held = texts(())
    assert not any("[" in text for index, text in enumerate(held) if (index // 10) % 4)


def test_the_constraint_leaves_log_probabilities_the_models_own():
    lm = HFModel(bracket_lover(), tiny.tokenizer(), name="hf/tiny")
    requests = [
        SampleRequest.of(f"{i} nuts", temperature=0, max_tokens=1, logprobs=True, top_logprobs=5) for i in range(20)
    ]

    def first(allowed):
        async def main():
            held = [request.model_copy(update={"allowed_citations": allowed}) for request in requests]
            return await asyncio.gather(*(lm.sample(request) for request in held))

        return [sample[0].logprobs[0] for sample in asyncio.run(main())]

    changed = 0
    for free, held in zip(first(None), first(()), strict=True):
        assert free.top == pytest.approx(held.top, abs=1e-5)
        if "[" in free.token:
            changed += 1
            assert "[" not in held.token
            assert held.logprob < free.logprob
    assert changed > 0


def test_the_logits_processor_does_the_same_for_generate():
    model, tokenizer = bracket_lover(), tiny.tokenizer()
    prompt = tokenizer(["nuts\nanswer:\n"] * 40, return_tensors="pt")
    ids = prompt["input_ids"]
    vocabulary = CitationVocabulary(TokenTable(tokenizer).pieces)

    def generate(processors):
        torch.manual_seed(0)
        output = model.generate(
            input_ids=ids,
            attention_mask=prompt["attention_mask"],
            do_sample=True,
            max_new_tokens=20,
            pad_token_id=0,
            logits_processor=processors,
        )
        return tokenizer.batch_decode(output[:, ids.shape[1] :], skip_special_tokens=True)

    length = ids.shape[1]
    processor = citation_logits_processor(vocabulary, ALLOWED, prompt_length=length, max_length=length + 20)
    assert not [text for text in generate([processor]) if invalid_citations(text)]
    assert sum(bool(invalid_citations(text)) for text in generate([])) > 20  # negative control
