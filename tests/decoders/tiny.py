"""Small random models and a small trained vocabulary for the tests of local models. Imports torch."""

import functools

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    Lfm2Config,
    Lfm2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
)

END = "<|end|>"
CORPUS = [
    "nuts = 4 [S1]\nbolts = 4 + 3 = 7 [S2]\nwigs = 2 * 7 = 14 [S2, S3]\nanswer: 14 [S3]\n",
    "Tom has 4 nuts. He has three more bolts than nuts. How many wigs?\nplan:\nS1: [nuts = 4]\n",
    "S2: [bolts = nuts + 3] <- S1\nS3: [wigs = 2 * bolts] <- S2\nproblem: S3 uses nuts\nedit:\n",
] * 8


@functools.cache
def tokenizer(size=384):
    """A byte-level BPE with merges such as `` [S`` and ``]\\n``."""
    bpe = Tokenizer(models.BPE())
    # No splitting before merging: tokens then run across the brackets, which is what the constraint must survive.
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
        max_token_length=6,
    )
    bpe.train_from_iterator(CORPUS, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=END, pad_token=END)


def llama(seed=0, hidden=32, layers=2, heads=4, kv_heads=2, vocab=None, context=512, scale=8.0):
    """A random Llama; ``scale`` sharpens its distribution, so that greedy choices are clear-cut."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocab or len(tokenizer()),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        max_position_embeddings=context,
        bos_token_id=None,
        eos_token_id=tokenizer().eos_token_id,
        pad_token_id=tokenizer().eos_token_id,
    )
    return _sharpen(LlamaForCausalLM(config), scale)


def gpt2(seed=0, scale=8.0):
    """A random GPT-2: learned positions."""
    torch.manual_seed(seed)
    end = tokenizer().eos_token_id
    config = GPT2Config(
        vocab_size=len(tokenizer()), n_embd=32, n_layer=2, n_head=4, n_positions=256, bos_token_id=end, eos_token_id=end
    )
    return _sharpen(GPT2LMHeadModel(config), scale)


def mistral(seed=0, window=8, scale=8.0):
    """A random Mistral with a sliding window shorter than the prompts."""
    torch.manual_seed(seed)
    config = MistralConfig(
        vocab_size=len(tokenizer()),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        sliding_window=window,
        bos_token_id=None,
        eos_token_id=tokenizer().eos_token_id,
    )
    return _sharpen(MistralForCausalLM(config), scale)


def _sharpen(model, scale):
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(scale)
    return model.eval()


def lfm2(seed=0, scale=8.0):
    """A random LFM2: convolutions beside attention, so its memory is more than keys and values."""
    torch.manual_seed(seed)
    config = Lfm2Config(
        vocab_size=len(tokenizer()),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        full_attn_idxs=[1],
        max_position_embeddings=256,
        bos_token_id=None,
        eos_token_id=tokenizer().eos_token_id,
        pad_token_id=0,
    )
    return _sharpen(Lfm2ForCausalLM(config), scale)


def sentencepiece():
    """A vocabulary as sentencepiece makes them: a mark for spaces, and bytes as a fallback."""
    words = ["\u2581nuts", "\u2581wigs", "\u2581", *"nutswig", *(f"<0x{byte:02X}>" for byte in range(256))]
    vocab = {word: index for index, word in enumerate(dict.fromkeys([END, *words]))}
    unigram = Tokenizer(models.Unigram([(word, -1.0) for word in vocab], unk_id=0, byte_fallback=True))
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    unigram.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return PreTrainedTokenizerFast(tokenizer_object=unigram, eos_token=END)


def wordpiece():
    """A vocabulary as BERT's: words, and pieces that continue them."""
    vocab = {word: index for index, word in enumerate([END, "[UNK]", "a", "nuts", "wigs", "##s"])}
    pieces = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    pieces.pre_tokenizer = pre_tokenizers.Whitespace()
    pieces.decoder = decoders.WordPiece(cleanup=False)
    return PreTrainedTokenizerFast(tokenizer_object=pieces, eos_token=END, unk_token="[UNK]")
