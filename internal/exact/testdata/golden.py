#!/usr/bin/env python3
"""Makes golden.json again: python3 golden.py >golden.json (a quarter of an hour). Tests only read it.

Needs R (made with 4.2.2) and mpmath (1.2.1). Every number is computed twice, by R and with 50 digits
by the sums below. Where both agree to 1e-11 the number of R is taken ("by": "R"). Where they do not, R has
lost digits: the number of mpmath is taken ("by": "mpmath"), and "r" is what R said. R is not asked about
distributions of more than a million numbers, for which it needs gigabytes ("r" is null).
"""
import json
import subprocess
import sys

from mpmath import mp, mpf, loggamma, exp, log

mp.dps = 50
CUT = mpf(10) ** -45


def r(expression):
    """The numbers that an R expression has, as floats; None if R fails."""
    script = f'cat(sprintf("%.17g", {expression}))'
    done = subprocess.run(["Rscript", "-e", script], capture_output=True, text=True, timeout=580)
    if done.returncode != 0:
        print(expression, done.stderr, file=sys.stderr)
        return None
    return [float(x) for x in done.stdout.split()]


def agree(a, b):
    return abs(a - b) <= 1e-11 * abs(b)


def choose(n, k):
    return loggamma(n + 1) - loggamma(k + 1) - loggamma(n - k + 1)


def sides(ratio, weight, mode, lo, hi, h):
    """Sums of weights below h and from h on. Starts at the mode and, if that is far, at h too, with the
    weight that loggamma gives there: so the tail does not depend on the steps in between."""
    def run(x, step, stop):
        total = w = weight(x)
        while x != stop:
            rate = ratio(x + 1) if step > 0 else 1 / ratio(x)
            w *= rate
            x += step
            total += w
            if rate < 1 and w * rate < CUT * total * (1 - rate):
                break
        return total
    above = run(h, 1, hi) if h > mode else run(mode, 1, hi) + (run(mode - 1, -1, h) if mode > h else 0)
    below = run(h - 1, -1, lo) if h <= mode else run(mode, -1, lo) + (run(mode + 1, 1, h - 1) if h - 1 > mode else 0)
    return below, above


def fisher(hits, of, base_hits, base_of, odds, greater):
    k, odds = hits + base_hits, mpf(odds)
    lo, hi = max(0, k - base_of), min(k, of)
    if (hits == lo) if greater else (hits == hi):
        return mpf(1)

    def ratio(x):
        return odds * ((of - x + 1) * (k - x + 1)) / (x * (base_of - k + x))
    low, high = lo, hi
    while low < high:
        x = (low + high + 1) // 2
        low, high = (x, high) if ratio(x) >= 1 else (low, x - 1)
    at_mode = choose(of, low) + choose(base_of, k - low) + low * log(odds)

    def weight(x):
        return exp(choose(of, x) + choose(base_of, k - x) + x * log(odds) - at_mode)
    below, above = sides(ratio, weight, low, lo, hi, hits if greater else hits + 1)
    return (above if greater else below) / (below + above)


def solve(f, low, high):
    """Where log f is 0, between low and high: by bisection until the secants are safe."""
    rises = f(low) < 0
    for _ in range(5):
        middle = (low + high) / 2
        low, high = (middle, high) if (f(middle) < 0) == rises else (low, middle)
    return mp.findroot(f, (low, high), solver="anderson", tol=mpf(10) ** -25, verify=False)


def poisson_tail(mean, h, above):
    mode = int(mean)

    def weight(x):
        return exp(x * log(mean) - mean - loggamma(x + 1))
    sums = sides(lambda x: mean / x, weight, mode, 0, 10 ** 12, h)
    return sums[1] if above else sums[0]


def poisson(events, exposure, level):
    tail = (1 - mpf(level)) / 2
    width = 10 * mp.sqrt(events + 1)
    low = mpf(0) if events == 0 else solve(lambda m: log(poisson_tail(m, events, True) / tail), max(mpf(events) / 10 ** 7, events - width), mpf(events))
    high = solve(lambda m: log(poisson_tail(m, events + 1, False) / tail), mpf(events) + mpf(1) / 10, events + 3 * width)
    return low / mpf(exposure), high / mpf(exposure)


def binomial_tail(p, h, n, above):
    def weight(x):
        return exp(choose(n, x) + x * log(p) + (n - x) * log(1 - p))
    sums = sides(lambda x: p * (n - x + 1) / ((1 - p) * x), weight, min(n, int((n + 1) * p)), 0, n, h)
    return sums[1] if above else sums[0]


def binomial(hits, of, level):
    tail = (1 - mpf(level)) / 2
    seen = mpf(hits) / of
    width = 10 * mp.sqrt(seen * (1 - seen) / of) + mpf(10) / of
    tiny = mpf(1) / (of * 10 ** 5)
    low = mpf(0) if hits == 0 else solve(lambda p: log(binomial_tail(p, hits, of, True) / tail), max(seen * tiny, seen - width), seen - tiny * seen)
    high = mpf(1) if hits == of else solve(lambda p: log(binomial_tail(p, hits + 1, of, False) / tail), seen + tiny * (1 - seen), min(1 - (1 - seen) * tiny, seen + width))
    return low, high


def case(call, said, exact, **rest):
    exact = [float(x) for x in exact]
    good = said is not None and len(said) == len(exact) and all(map(agree, said, exact))
    made = {"call": call, "by": "R" if good else "mpmath"} | rest
    if not good:
        made["r"] = said
    return made | {"want": said if good else exact}


TEN = 10 ** 7
TABLES = [  # hits, of, hits of the baseline, of, odds
    (3, 4, 1, 4, 1), (1, 4, 3, 4, 1), (0, 4, 4, 4, 1), (4, 4, 0, 4, 1.3), (2, 7, 2, 5, 2), (5, 9, 2, 11, 10),
    (0, 1, 0, 1, 1), (1, 1, 0, 1, 1), (0, 1, 1, 1, 2), (1, 1, 1, 1, 1.3), (0, 0, 3, 5, 1), (3, 5, 0, 0, 2), (0, 12, 0, 9, 1.3),
    (12, 300, 3, 310, 1), (12, 300, 3, 310, 1.3), (12, 300, 3, 310, 2), (12, 300, 3, 310, 10),
    (20, 20, 0, 1000, 1), (20, 20, 0, 1000, 10), (0, 1000, 20, 20, 1), (1, TEN, 0, 1, 1), (0, 1, 1, TEN, 2),
    (90, 1000, 60, 1000, 1.3), (500, 1000, 500, 1000, 1), (700, 1000, 300, 1000, 1), (830, 1000, 170, 1000, 1), (850, 1000, 150, 1000, 1.3),
    (880, 1000, 120, 1000, 2), (300, 1000, 700, 1000, 1), (450, 450, 0, 450, 1), (420, 500, 2, 500, 1),
    (5000, 100000, 4000, 90000, 1), (5600, 100000, 4000, 100000, 1.3), (1, 100000, 30, 100000, 1), (40, TEN, 10, TEN, 1.3), (40, TEN, 10, TEN, 10),
    (1000, TEN, 500, TEN, 2), (100000, TEN, 99000, TEN, 1), (103000, TEN, 99000, TEN, 1), (5000000, TEN, 5001000, TEN, 1),
    (5020000, TEN, 4980000, TEN, 1), (5020000, TEN, 4980000, TEN, 1.3), (5350000, TEN, 4650000, TEN, 1.3), (7700000, TEN, 6300000, TEN, 2), (9100000, TEN, 5000000, TEN, 10),
    (TEN, TEN, 0, 1, 1), (TEN - 1, TEN, 1, 1, 1), (0, TEN, 1, TEN, 1.3), (TEN, TEN, TEN - 30, TEN, 2), (TEN, TEN, TEN - 900, TEN, 1), (1, 10, TEN // 2, TEN, 10),
    (9999000, TEN, 9998000, TEN, 1.3), (3000000, TEN, 300, 1000, 1), (10 ** 10, 10 ** 10, 0, 3, 2), (5000100000, 10 ** 10, 5000000000, 10 ** 10, 1),
    (5038000, TEN, 4962000, TEN, 1), (TEN - 1, TEN, TEN - 1250, TEN, 1.3),
]


def fishers():
    for hits, of, base_hits, base_of, odds in TABLES:
        k = hits + base_hits
        size = min(k, of) - max(0, k - base_of)
        for tail in ("greater", "less"):
            call = f'fisher.test(matrix(c({hits}, {of-hits}, {base_hits}, {base_of-base_hits}), 2), or = {odds}, alternative = "{tail}", conf.int = FALSE)$p.value'
            said = r(call) if size <= 10 ** 6 and max(of, base_of) < 2 ** 31 else None
            exact = fisher(hits, of, base_hits, base_of, odds, tail == "greater")
            yield case(call, said, [exact], table=[hits, of, base_hits, base_of], odds=odds, tail=tail)


ADJUST = [  # p, least, alpha
    ([0.01, 0.02, 0.03, 0.04, 0.05], None, 0.05),
    ([0.04, 0.001, 0.3, 0.001, 0.9, 0.04, 1], None, 0.05),
    ([0.5], None, 0.05),
    ([1, 1, 1], None, 0.05),
    ([0, 1e-300, 1e-12, 0.2], None, 0.01),
    ([0.9, 0.8, 0.7, 0.6, 0.5], None, 0.05),
    ([0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1], None, 0.05),
    ([0.03, 0.5, 0.5, 0.5], [0.001, 0.2, 0.3, 0.4], 0.05),
    ([0.01, 0.01, 0.02, 0.3, 0.2, 1], [0.01, 0.001, 0.02, 0.0001, 0.012, 1], 0.05),
    ([0.02, 0.02, 0.02], [0.02, 0.02, 0.02], 0.05),
    ([0.05, 0.05], [0.05, 0.05], 0.05),
    ([0.025, 0.05], [0.025, 0.05], 0.05),
    ([0.2, 0.001, 0.04, 0.01, 0.0005, 0.7, 0.06, 0.3], [0.012, 0.001, 0.013, 0.01, 0.0005, 0.006, 0.02, 0.3], 0.05),
    ([0.2, 0.1], [0.1, 0.1], 0.05),
]


def vector(values):
    return "c(" + ", ".join(repr(v) for v in values) + ")"


def adjusts():
    for p, least, alpha in ADJUST:
        if least is None:
            call = f'p.adjust({vector(p)}, "BH")'
            n = len(p)
            yield {"call": call, "by": "R", "p": p, "alpha": alpha, "tested": n, "cutoff": alpha / n, "want": r(call)}
            continue
        call = (f"local({{p <- {vector(p)}; least <- {vector(least)}; alpha <- {alpha}; n <- length(p); "
                "K <- which(sapply(1:n, function(k) sum(least <= alpha/k) <= k))[1]; t <- least <= alpha/K; "
                'q <- rep(1, n); q[t] <- p.adjust(p[t], "BH"); c(q, sum(t), alpha/K)})')
        *q, tested, cutoff = r(call)
        yield {"call": call, "by": "R", "p": p, "least": least, "alpha": alpha, "tested": int(tested), "cutoff": cutoff, "want": q}


POISSONS = [(0, 1, 0.95), (1, 1, 0.95), (3, 1000, 0.95), (5, 0.25, 0.9), (17, 30, 0.99), (100, 7, 0.95), (1, 1, 0.999999), (12345, 24, 0.95), (1000000, 365, 0.95), (TEN, 1, 0.95), (7, 2, 0.5)]
BINOMIALS = [(0, 1, 0.95), (1, 1, 0.95), (0, 10, 0.95), (10, 10, 0.95), (1, 10, 0.95), (19, 20, 0.9), (50, 100, 0.95), (3, 1000000, 0.99), (80, 100, 0.95), (5000, 100000, 0.95),
             (1, TEN, 0.95), (TEN - 1, TEN, 0.95), (4000000, TEN, 0.95), (0, TEN, 0.95), (TEN, TEN, 0.999999)]


def intervals():
    for events, exposure, level in POISSONS:
        call = f"poisson.test({events}, {exposure}, conf.level = {level})$conf.int"
        yield case(call, r(call), poisson(events, exposure, level), kind="poisson", count=events, exposure=exposure, level=level)
    for hits, of, level in BINOMIALS:
        call = f"binom.test({hits}, {of}, conf.level = {level})$conf.int"
        yield case(call, r(call), binomial(hits, of, level), kind="binomial", count=hits, of=of, level=level)


def lines(name, cases):
    made = []
    for c in cases:
        made.append("  " + json.dumps(c))
        print(name, len(made), c["by"], c["call"][:120], file=sys.stderr)
    return json.dumps(name) + ": [\n" + ",\n".join(made) + "\n]"


if __name__ == "__main__":
    parts = {"fisher": fishers, "adjust": adjusts, "interval": intervals}
    print("{\n" + ",\n".join(lines(name, parts[name]()) for name in sys.argv[1:] or parts) + "\n}")
