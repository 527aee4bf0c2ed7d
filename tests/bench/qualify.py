"""How fast replies are qualified, and how well against verdicts from other hands.

python -m tests.bench.qualify                       the replies of tests/replies, each once, then warm
python -m tests.bench.qualify --labelled FILE.tsv   columns: reply, reason, ..., confidence (as in the header)
"""

import argparse
import csv
import random
import statistics
import string
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from feedback import wording
from feedback.qualification import Reason, Type
from feedback.qualifier import Qualifier
from feedback.qualifier.line import Heard, hear, qualify_line
from mta.attempt import Phase, Refused
from mta.reply import Reply, clean

REPLIES = sorted((Path(__file__).parents[1] / "replies").glob("*.tsv"))


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def fresh(heard: Heard, rng: random.Random) -> Heard:
    """The same reply with an id that nobody has seen: what it is to meet a new text of a known kind."""
    noise = f"{rng.getrandbits(64):016x}"
    return Heard(Reply(heard.reply.code, f"{heard.reply.text} [{noise}]"), heard.phase, heard.mx_host)


Text = Callable[[random.Random], str]


def parts(alphabet: str, shortest: int, longest: int) -> Text:
    """Words that nobody has seen, of these letters."""
    return lambda rng: " ".join("".join(rng.choices(alphabet, k=rng.randint(shortest, longest))) for _ in range(500))


def each(part: Callable[[random.Random], str]) -> Text:
    return lambda rng: " ".join(part(rng) for _ in range(200))


def _octets(rng: random.Random) -> str:
    return "[" + ".".join(str(rng.getrandbits(8)) for _ in range(4)) + "]"


_ALNUM = string.ascii_letters + string.digits
HOSTILE: dict[str, Text] = {
    "ids": parts(_ALNUM, 5, 12),
    "signs": parts(_ALNUM + "@.:-/", 3, 12),
    "long words": parts(_ALNUM + "@.:-/_=", 40, 199),
    "hosts": each(lambda rng: f"{rng.getrandbits(20):x}.{rng.getrandbits(12):x}.example"),
    "IP addresses": each(_octets),
    "mail addresses": each(lambda rng: f"<{rng.getrandbits(20):x}@{rng.getrandbits(12):x}.example>"),
    "links": each(lambda rng: f"http://x{rng.getrandbits(8):x}/?a={rng.getrandbits(12):x}"),
    "dots": parts("a.", 8, 14),
    "colons": parts("a1:", 8, 14),
    "braces": parts("{}abc{address}", 4, 10),
    "accents": parts("éàüßñłøabcdef", 3, 9),
    "escaped octets": parts("\\xabcdef01", 4, 10),
    "UTF-8 read as Latin-1": parts("Ã©Ã¨Â¼abc", 3, 9),
    "Chinese": parts("用户不存在邮箱地址错误拒绝收件人", 6, 400),
}
"""What strangers can put into 1 KiB to make it dear: words unseen, each in want of being looked into."""


def laden(qualifier: Qualifier) -> Text:
    """Nothing but words of the rules' samples: what most phrases nearly match."""
    pool = [word for rule in qualifier.pack.rules for sample in rule.samples for word in sample.reply.split()]
    return lambda rng: " ".join(rng.choices(pool, k=400))


def first_sight(qualifier: Qualifier, text: Text, rng: random.Random) -> list[float]:
    """What replies of 1 KiB cost, every word of them unseen; of three times the best, for the machine has other work."""
    replies = [Heard(Reply(550, clean(text(rng))), Phase.RCPT, None) for _ in range(300)]
    return [min(three) for three in zip(*(times(_forgetful(qualifier), replies) for _ in range(3)), strict=True)]


def _forgetful(qualifier: Qualifier) -> Qualifier:
    wording.forget()
    return Qualifier(qualifier.pack)


def times(qualifier: Qualifier, replies: list[Heard]) -> list[float]:
    """Microseconds of this thread's CPU for each reply, so that a busy machine does not count."""
    taken = []
    for heard in replies:
        ending = Refused(heard.reply)
        began = time.thread_time_ns()
        qualifier.qualify(heard.phase, ending, heard.mx_host, "example.net")
        taken.append((time.thread_time_ns() - began) / 1000)
    return taken


def table(name: str, taken: list[float]) -> None:
    ordered = sorted(taken)
    p99 = ordered[int(len(ordered) * 0.99)]
    print(f"{name:34} {statistics.mean(taken):8.1f} {statistics.median(taken):8.1f} {p99:8.1f} {ordered[-1]:8.1f}")


def speed() -> None:
    began = time.perf_counter()
    qualifier = Qualifier.stock()
    print(f"{len(qualifier.pack.rules)} rules, compiled in {(time.perf_counter() - began) * 1000:.0f} ms\n")
    rows = [row for path in REPLIES for row in read(path)]
    replies = [hear(row["reply"], Phase(row["phase"]), row["mx"] or None) for row in rows]
    rng = random.Random(1)
    print(f"{'us a reply':34} {'mean':>8} {'median':>8} {'p99':>8} {'worst':>8}")
    table("first sight of every kind", times(qualifier, replies))
    times(qualifier, [fresh(heard, rng) for heard in replies])
    table("known kinds, new ids", times(qualifier, [fresh(heard, rng) for heard in replies]))
    table("seen before", times(qualifier, replies))
    print("\n1 KiB at first sight of")
    for name, text in (HOSTILE | {"the rules' own words": laden(qualifier)}).items():
        table(name, first_sight(qualifier, text, rng))


def labelled(path: Path) -> None:
    qualifier = Qualifier.stock()
    rows, right, seen = read(path), Counter[str](), Counter[str]()
    hard, confusion = Counter[bool](), defaultdict[tuple[str, str], int](int)
    for row in rows:
        answer = qualify_line(qualifier, {"reply": row["reply"]})
        truth, said = Reason(int(row["reason"])), Reason(int(str(answer["reason"])))
        seen[row["confidence"]] += 1
        right[row["confidence"]] += said is truth
        dead = truth in (Reason.USER_UNKNOWN, Reason.ACCOUNT_DISABLED)
        if "conflict" not in row["confidence"]:
            seen["dead" if dead else "alive"] += 1
            hard[dead] += answer["type"] == Type.HARD
        if said is not truth:
            confusion[truth.name, said.name] += 1
        seen["undetermined"] += said is Reason.NOT_DEFINED
    for confidence in sorted({row["confidence"] for row in rows}):
        print(f"{confidence:16} {right[confidence]}/{seen[confidence]} = {right[confidence] / seen[confidence]:.1%}")
    every = sum(right.values())
    print(f"{'all':16} {every}/{len(rows)} = {every / len(rows):.1%}")
    print(f"false hard       {hard[False]}/{seen['alive']} = {hard[False] / max(1, seen['alive']):.1%}")
    missed = seen["dead"] - hard[True]
    print(f"missed hard      {missed}/{seen['dead']} = {missed / max(1, seen['dead']):.1%}")
    print(f"undetermined     {seen['undetermined']}/{len(rows)} = {seen['undetermined'] / len(rows):.1%}")
    for (truth_name, said_name), count in sorted(confusion.items(), key=lambda item: -item[1])[:12]:
        print(f"  {count:4} {truth_name.lower()} taken for {said_name.lower()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labelled", type=Path, help="replies with verdicts, tab-separated")
    asked = parser.parse_args()
    labelled(asked.labelled) if asked.labelled else speed()


if __name__ == "__main__":
    main()
