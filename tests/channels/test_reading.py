"""channels.toml and payers.csv are refused as a whole, with the place and what would be right; keys at start."""

import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from schemas.problems import DocumentError
from sources.channels import read as reading
from sources.channels.keys import read_keys, read_tokens
from sources.channels.read import FILE, PAYERS, read_channels, read_payers
from tests.channels.world import TEXT, world

WRONG = (
    ("[own]", "[other]\n[own]", 3, "other"),
    ('tokens = "own/tokens.key"', 'tokens = "../tokens.key"', 4, "tokens"),
    ('format = "wechat"', 'format = "paypal"', 9, "format"),
    ('label = "微信支付"', 'lable = "微信支付"', 10, "lable"),
    ('fee = "0.006"', 'fee = "6%"', 11, "fee"),
    ('serial = "5A17C0DE00000001"\n', "", 13, "serial"),
    ('file = "wechat/5A17C0DE00000001.pem"\n', "", 13, "file"),
    ("until = 2025-11-30", "since = 2025-12-31\nuntil = 2025-11-30", 17, "until"),
    ('number = "1900000117"', 'number = "1900000109"', 24, "number"),
    ('secrets = ["wechat/1900000109.key"]\n', "", 23, "secrets"),
    ('name = "工行基本户"', 'name = "6222020200000000014"', 91, "name"),
    ('signed = "{x-bank-time}.{body}"', 'signed = "{x-bank-time}"', 78, "signed"),
    ('signed = "{x-bank-time}.{body}"', 'signed = "{body}"', 79, "clock"),
    ('signed = "{x-bank-time}.{body}"', 'signed = "{x-bank-signature}{x-bank-time}.{body}"', 78, "signed"),
    ('kind = "none"', 'kind = "md5"', 165, "kind"),
    ('cut_off = "23:00"', 'cut_off = "24:30"', 182, "cut_off"),
    ('name = "alipay"', 'name = "wechat"', 41, "name"),
    ('unit = "minor"\nfee = "fee"', 'unit = "cent"\nfee = "fee"', 136, "unit"),
    ('state = "status"\n', "", 130, "state"),
    ('when = { type = ["PAY"] }', "when = { type = 7 }", 131, "when"),
)


@pytest.mark.parametrize(
    ("old", "new", "row", "column"), WRONG, ids=[f"{one[3]}-{n}" for n, one in enumerate(WRONG)]
)
def test_what_cannot_be_meant_is_refused_with_its_place(old: str, new: str, row: int, column: str) -> None:
    """The row is that of the setting, or of the section that lacks it."""
    assert old in TEXT
    with pytest.raises(DocumentError) as caught:
        read_channels({FILE: TEXT.replace(old, new, 1)})
    problems = caught.value.problems
    assert column in {problem.column for problem in problems}, problems
    lines = TEXT.replace(old, new, 1).splitlines()
    assert all(re.match(rf"{problem.column} =|\[", lines[problem.row - 1]) for problem in problems)
    assert row in {problem.row for problem in problems}, problems


HEADLESS = """
[[channel]]
name = "till"
format = "csv"
columns = ["流水", "门店", "金额", "时间", "单号"]
[channel.signature]
kind = "none"
[[channel.merchant]]
number = "S1"
group = "centre"
[[channel.shape]]
number = ["流水"]
merchant = ["门店"]
amount = "金额"
time = ["时间"]
order = "单号"
"""


def test_a_field_that_is_no_column_is_refused() -> None:
    """Or else each payment would come without its order's number, and nobody would know why."""
    assert read_channels({FILE: HEADLESS}).channels.keys() == {"till"}
    with pytest.raises(DocumentError) as caught:
        read_channels({FILE: HEADLESS.replace('"单号"\n', '"订单"\n').replace('["门店"]', '["网点"]')})
    assert [(one.row, one.column) for one in caught.value.problems] == [(13, "merchant"), (16, "order")]


@pytest.mark.parametrize(
    "text", ["", "[[channel]", "channel = 1", "[own]\n", "a." * 5000 + "b = 1", "x = " + "[" * 9000]
)
def test_what_is_no_document_is_refused(text: str) -> None:
    """Neither nothing nor nonsense is a list of channels."""
    with pytest.raises(DocumentError):
        read_channels({FILE: text})
    with pytest.raises(DocumentError):
        read_channels({})


def test_every_problem_is_told_at_once() -> None:
    """A person mends the file once: with file, row, setting and what would be right."""
    wrong = {
        'format = "wechat"': 'format = "wechatpay"',
        'label = "微信支付"': "label = 1",
        'file = "wechat/5A17C0DE00000001.pem"': "file = 3\nsince = 2025",
        'number = "1900000109"': "number = 6222020200000000016",
        'format = "alipay"': "format = 1",
        'group = "centre"\napps': "apps",
        'kind = "none"': 'kind = "nothing"\nclok = ""',
    }
    text = TEXT
    for old, new in wrong.items():
        assert old in text, old
        text = text.replace(old, new, 1)
    with pytest.raises(DocumentError) as caught:
        read_channels({FILE: text})
    told = str(caught.value).splitlines()
    assert len(told) == len(caught.value.problems)
    lines = text.splitlines()
    for part in (
        "column format: format 'wechatpay' is not one of alipay, csv, form, json, unionpay, wechat; the nearest is ",
        'column label: label is not a text, as in "…", of at most 64 characters [wrong_setting]',
        'column file: file is not the name of a file in the directory of keys, as "bank/k1.key" [wrong_setting]',
        "column since: since is not a date as 2025-01-31, without quotation marks [wrong_setting]",
        'column number: number is not a text, as in "…", of 1 to 64 characters [wrong_setting]',
        "column format: format is not one of alipay, csv, form, json, unionpay, wechat [wrong_setting]",
        "column kind: kind 'nothing' is not one of hmac, none",
        "column clok: there is no setting clok here; the nearest is clock [unknown_setting]",
    ):
        (line,) = [one for one in told if part in one]
        row = int(line.split()[2])
        assert lines[row - 1].startswith(f"{part.split()[1].rstrip(':')} ="), line
    assert any("[[channel.merchant]] needs a setting group" in one for one in told)
    assert "6222020200000000016" not in str(caught.value)


def test_payers_are_read_by_their_tokens() -> None:
    """A table without raw identifiers; an account's number in it is refused and not shown."""
    token = world().keys.tokens.token("6222020200000000024")
    assert read_payers({PAYERS: f"party,token\n440100-014,{token}\n"}) == {token: "440100-014"}
    assert read_payers({}) == {}
    for text, rule in (
        (f"token,party\n{token},A\n", "wrong_header"),
        ("party,token\nA,6222020200000000024\n", "wrong_value"),
        (f"party,token\n,{token}\n", "wrong_value"),
        (f"party,token\nA,{token}\nB,{token}\n", "wrong_value"),
    ):
        with pytest.raises(DocumentError) as caught:
            read_payers({PAYERS: text})
        assert caught.value.problems[0].rule == rule
        assert "6222020200000000024" not in str(caught.value)


def test_keys_that_are_missing_or_no_keys_are_named_at_start(tmp_path: Path) -> None:
    """Every file at once; what a file holds is not shown."""
    with pytest.raises(DocumentError) as caught:
        read_keys(world().channels, tmp_path)
    named = {problem.message.partition(": ")[0] for problem in caught.value.problems}
    assert {str(tmp_path / "own/tokens.key"), str(tmp_path / "wechat/5A17C0DE00000002.pem")} <= named
    assert len(named) == 15


def _pem(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("own/tokens.key", b"hunter2", "hexadecimal"),
        ("own/tokens.key", b"ab" * 16, "16 bytes, not 32 to 128"),
        ("own/evidence-1.key", b"ab" * 32, "32 bytes, not 64"),
        ("wechat/1900000109.key", b"hunter2", "32 characters"),
        ("bank/k1.key", b"hunter2", "16 to 1024 bytes"),
        ("bank/k1.key", b"s" * 70_000, "too large"),
        ("alipay/2021000000000001.pem", b"hunter2", "no certificate and no public key"),
        (
            "alipay/2021000000000001.pem",
            b"-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----\n",
            "no certificate",
        ),
        (
            "unionpay/69026276696.cer",
            _pem(ec.generate_private_key(ec.SECP256R1()).public_key()),
            "no RSA key",
        ),
        ("unionpay/69026276696.cer", _pem(rsa.generate_private_key(65537, 1024).public_key()), "2048 bits"),
    ],
)
def test_a_file_that_is_no_such_key_is_named(tmp_path: Path, file: str, content: bytes, why: str) -> None:
    """With what would be one."""
    for source in world().directory.rglob("*"):
        if source.is_file():
            target = tmp_path / source.relative_to(world().directory)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    (tmp_path / file).write_bytes(content)
    with pytest.raises(DocumentError) as caught:
        read_keys(world().channels, tmp_path)
    [problem] = caught.value.problems
    assert file in problem.message
    assert why in problem.message
    assert "hunter2" not in problem.message.removeprefix(str(tmp_path))


def test_another_certificate_than_the_one_that_is_meant_is_named() -> None:
    """Two files that were mixed up: each is told with its own serial."""
    one, two = "5A17C0DE00000001", "5A17C0DE00000002"
    mixed = (
        TEXT.replace(f"{one}.pem", "x.pem").replace(f"{two}.pem", f"{one}.pem").replace("x.pem", f"{two}.pem")
    )
    with pytest.raises(DocumentError) as caught:
        read_keys(read_channels({FILE: mixed}), world().directory)
    assert [problem.rule for problem in caught.value.problems] == ["other_certificate"] * 2
    assert f"is the certificate {two}, channel wechat calls it {one}" in str(caught.value)


def test_the_key_for_tokens_alone_is_enough_for_tokens() -> None:
    """Whoever makes payers.csv needs no other key."""
    here = world()
    assert read_tokens(here.channels.own, here.directory).token("a") == here.keys.tokens.token("a")


def test_the_formats_description_is_itself_a_document() -> None:
    """Both examples of FORMAT.md together, with a key and a merchant for the generic channel."""
    text = Path(reading.__file__).with_name("FORMAT.md").read_text("utf-8")
    blocks = [part.partition("```")[0] for part in text.split("```toml\n")[1:]]
    rest = '[[channel.key]]\nserial = "k1"\nfile = "bank/k1.key"\n[[channel.merchant]]\nnumber = "1"\ngroup = "g"\n'
    channels = read_channels({FILE: "\n".join((*blocks, rest))})
    assert channels.channels.keys() == {"wechat", "bank"}
