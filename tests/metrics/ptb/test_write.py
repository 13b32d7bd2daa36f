import pytest

from pali3kit.metrics.ptb import write


@pytest.mark.parametrize(
    ("writer", "text", "token"),
    [
        (write.opening_quotes, '"', "``"),
        (write.closing_quotes, '"', "''"),
        (write.closing_quotes, "“”‘’", "``''`'"),
        (write.opening_quotes, "&apos;", "`"),
        (write.without_soft_hyphens, "a\u00adb", "ab"),
        (write.without_soft_hyphens, "\u00ad", "-"),
        (write.ampersand, "AT&AMP;T", "AT&T"),
        (write.hard_spaces, "1 1/2", "1\u00a01/2"),
        (write.brackets, "(555)", "-LRB-555-RRB-"),
        (write.currency, "¢", "cents"),
        (write.currency, "€", "$"),
        (write.currency, "¥", "¥"),
        (write.fraction, "¾", "3/4"),
        (write.fraction, "⅛", "⅛"),
        (write.dashes, "---", "--"),
        (write.dashes, "-----", "-----"),
        (write.with_period, "etc", "etc."),
    ],
)
def test_tokens_as_the_treebank_writes_them(writer, text, token):
    assert writer(text) == token
