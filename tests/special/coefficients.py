# Computes the coefficients of src/special/tables.ts: python3 tests/special/coefficients.py > src/special/tables.ts
# Each is the Chebyshev series of a smooth remainder of a special function on one interval, from
# values by mpmath (its own definitions) at 60 digits, cut where the terms fall below 2e-18 of the
# largest. Needs mpmath. Nothing in the library reads this file.
from fractions import Fraction
import mpmath as mp

mp.mp.dps = 60
HEAD = """// Chebyshev coefficients of the special functions, made by tests/special/coefficients.py: each line says
// what it expands and over which interval, which is mapped to [-1, 1]. Σ c[k] T_k(t); c[0] is not halved.
// Not here: who uses them (the files beside this one), or anything written by hand.
"""


def chebyshev(f, low, high, count=90):
    half = (mp.mpf(high) - mp.mpf(low)) / 2
    mid = (mp.mpf(high) + mp.mpf(low)) / 2
    nodes = [mp.cos(mp.pi * (2 * j + 1) / (2 * count)) for j in range(count)]
    values = [f(mid + half * t) for t in nodes]
    out = []
    for k in range(count):
        c = 2 * sum(v * mp.cos(mp.pi * k * (2 * j + 1) / (2 * count)) for j, v in enumerate(values)) / count
        out.append(c / 2 if k == 0 else c)
    least = 2e-18 * max(abs(c) for c in out)
    while abs(out[-1]) < least:
        out.pop()
    return out


def emit(name, comment, values):
    cells = [repr(float(v)).replace("e-0", "e-") for v in values]
    lines, line = [], " "
    for cell in cells:
        if len(line) + len(cell) + 2 > 100:
            lines.append(line)
            line = " "
        line += f" {cell},"
    lines.append(line)
    print(f"\n/** {comment} */\nexport const {name}: readonly number[] = [\n" + "\n".join(lines))
    print("]; // biome-ignore format: a table")


def series(name, comment, f, low, high):
    emit(name, comment, chebyshev(f, low, high))


sqrt, exp, log, pi = mp.sqrt, mp.exp, mp.log, mp.pi

# --- gamma -------------------------------------------------------------------------------------------


def lgamma_rest(x):
    return mp.loggamma(x) / ((x - 1) * (x - 2))


DIGAMMA_ROOT = mp.findroot(mp.digamma, mp.mpf("1.4616321449683623"))


def scaled_gamma(s):  # log of Γ(a) / (√(2π/a) (a/e)^a), times a, at a = 1/s
    if s == 0:
        return mp.mpf(1) / 12
    a = 1 / s
    with mp.workdps(90):
        return +(a * (mp.loggamma(a) - (a - mp.mpf(1) / 2) * log(a) + a - log(2 * pi) / 2))


# --- error functions ---------------------------------------------------------------------------------


def erfinv_ratio(w):  # erfinv(x)/x where w = -log(1-x²)
    w = mp.mpf(w)
    if w < mp.mpf("1e-30"):
        return sqrt(pi) / 2
    x = sqrt(-mp.expm1(-w))
    if w < 3:
        return mp.erfinv(x) / x
    # 1-x = e^-w / (1+x); solve log erfc(y) = log(1-x) by Newton.
    goal = -w - log(1 + x)
    y = sqrt(w)
    for _ in range(60):
        e = mp.erfc(y)
        step = (log(e) - goal) * e / (-2 / sqrt(pi) * exp(-y * y))
        y -= step
        if abs(step) < mp.mpf(10) ** -50 * y:
            break
    return y / x


def erfcx(x):
    return exp(x * x) * mp.erfc(x) if x < 40 else mp.hyperu(mp.mpf(1) / 2, mp.mpf(1) / 2, x * x) / sqrt(pi)


def erfcx_rest(t):  # (1+2x)·erfcx(x) over t = (x-3)/(x+3)
    if t == 1:
        return 2 / sqrt(pi)
    x = 3 * (1 + t) / (1 - t)
    return (1 + 2 * x) * erfcx(x)


# --- Bessel and Airy functions -----------------------------------------------------------------------


def hankel(order, part):  # P and Q·x/8 of DLMF 10.17, over z = (8/x)²
    def f(z):
        if z < mp.mpf("1e-14"):
            m = 4 * order * order
            return mp.mpf(1) if part == "P" else mp.mpf(m - 1) / 64
        x = 8 / sqrt(z)
        chi = x - (2 * order + 1) * pi / 4
        j, y = mp.besselj(order, x), mp.bessely(order, x)
        s = sqrt(pi * x / 2)
        if part == "P":
            return s * (j * mp.cos(chi) + y * mp.sin(chi))
        return s * (y * mp.cos(chi) - j * mp.sin(chi)) * x / 8

    return f


def scaled(f, order, sign, edge):  # √x e^(±x) f over u = edge/x
    def g(u):
        if u < mp.mpf("1e-12"):
            return 1 / sqrt(2 * pi) if sign < 0 else sqrt(pi / 2)
        x = edge / u
        return sqrt(x) * exp(sign * x) * f(order, x)

    return g


J0 = [mp.besseljzero(0, k) for k in (1, 2)]
J1 = [mp.besseljzero(1, k) for k in (1, 2)]


def regular(order, kind):  # parts of Y and K that are even in x, over z = x²
    def f(z):
        x = sqrt(max(z, mp.mpf("1e-40")))
        if kind == "Y":
            if order == 0:
                return mp.bessely(0, x) - 2 / pi * log(x) * mp.besselj(0, x)
            return (mp.bessely(1, x) - 2 / pi * (log(x) * mp.besselj(1, x) - 1 / x)) / x
        if order == 0:
            return mp.besselk(0, x) + log(x / 2) * mp.besseli(0, x)
        return x * (mp.besselk(1, x) - log(x / 2) * mp.besseli(1, x))

    return f


ZETA2 = mp.mpf(2) / 3 * mp.mpf(2) ** 1.5


def airy_above(u):  # 2√π x^¼ e^ζ Ai(x) over u = ζ(2)/ζ
    if u < mp.mpf("1e-12"):
        return mp.mpf(1)
    zeta = ZETA2 / u
    x = (3 * zeta / 2) ** (mp.mpf(2) / 3)
    return 2 * sqrt(pi) * x ** mp.mpf("0.25") * exp(zeta) * mp.airyai(x)


def airy_below(part):  # √π x^¼ Ai(-x) = P·cos(ζ-π/4) + Q·sin(ζ-π/4), Q·ζ/ζ(2), over z = (ζ(2)/ζ)²
    def f(z):
        if z < mp.mpf("1e-14"):
            return mp.mpf(1) if part == "P" else mp.mpf(5) / 72 / ZETA2
        zeta = ZETA2 / sqrt(z)
        x = (3 * zeta / 2) ** (mp.mpf(2) / 3)
        a, b = mp.airyai(-x), mp.airybi(-x)
        s, c = mp.sin(zeta - pi / 4), mp.cos(zeta - pi / 4)
        # DLMF 9.7.9, 9.7.11: √π x^¼ Bi(-x) = -P·sin + Q·cos
        scale = sqrt(pi) * x ** mp.mpf("0.25")
        if part == "P":
            return scale * (a * c - b * s)
        return scale * (a * s + b * c) * zeta / ZETA2

    return f


# --- the incomplete gamma function: Temme's coefficients, DLMF 8.12.9 to 8.12.11 ------------------------


def temme(orders, terms):
    # μ μ' = η (1+μ), μ = η + …, as a power series in η.
    n = terms + 2 * orders + 4
    m = [Fraction(0), Fraction(1)]
    for k in range(2, n + 1):
        # coefficient of η^k in μμ' = (k+1)/2 · [μ²]_(k+1): linear in m[k]
        known = sum(m[i] * m[k + 1 - i] for i in range(2, k))
        m.append((m[k - 1] / Fraction(k + 1, 2) - known) / 2)
    # 1/μ = (1/η)·(1/(1 + m2 η + …))
    unit = m[1:]
    inv = [Fraction(1)]
    for k in range(1, n):
        inv.append(-sum(unit[i] * inv[k - i] for i in range(1, k + 1)))
    over = inv  # over[k] is the coefficient of η^(k-1) in 1/μ
    g = stirling_gamma(orders)
    c = [over[1:]]
    for k in range(1, orders):
        last = c[-1]
        slope = [i * last[i] for i in range(1, len(last))]  # c'
        sign = (-1) ** k
        # (c'(η) + (-1)^k g_k η/μ)/η: the constants cancel
        total = [slope[i] + sign * g[k] * over[i] for i in range(min(len(slope), len(over)))]
        assert total[0] == 0, (k, total[0])
        c.append(total[1:])
    return [row[:terms] for row in c]


def stirling_gamma(count):  # g_k of Γ(z) ~ e^-z z^z √(2π/z) Σ g_k z^-k
    b = [Fraction(int(mp.bernfrac(2 * k)[0]), int(mp.bernfrac(2 * k)[1])) for k in range(0, count + 2)]
    e = [Fraction(0)] * (2 * count + 3)
    for k in range(1, count + 2):
        e[2 * k - 1] = b[k] / (2 * k * (2 * k - 1))
    g = [Fraction(1)]
    for n in range(1, count + 1):
        g.append(sum(k * e[k] * g[n - k] for k in range(1, n + 1)) / n)
    return g


def main():
    print(HEAD, end="")
    series("LGAMMA_NEAR", "log Γ(x) / ((x-1)(x-2)) on [1, 3]", lgamma_rest, 1, 3)
    series("LGAMMA_FAR", "log Γ(x) / ((x-1)(x-2)) on [3, 8]", lgamma_rest, 3, 8)
    series("DIGAMMA_NEAR", "ψ(x) / (x - its zero) on [1, 3]", lambda x: mp.digamma(x) / (x - DIGAMMA_ROOT), 1, 3)
    series("DIGAMMA_FAR", "ψ(x) on [3, 8]", mp.digamma, 3, 8)
    series("SCALED_GAMMA", "a·log(Γ(a) / (√(2π/a) (a/e)^a)) over 1/a on [0, 1]", scaled_gamma, 0, 1)
    series("ERFINV_CENTRE", "erfinv(x)/x over w = -log(1-x²) on [0, 6.25]", erfinv_ratio, 0, 6.25)
    series("ERFINV_TAIL", "erfinv(x)/x over √w on [2.5, 6.5]", lambda v: erfinv_ratio(v * v), 2.5, 6.5)
    series("ERFINV_END", "erfinv(x)/x over √w on [6.5, 28]", lambda v: erfinv_ratio(v * v), 6.5, 28)
    series("ERFCX", "(1+2x) exp(x²) erfc(x) over (x-3)/(x+3) on [-1, 1]", erfcx_rest, -1, 1)
    small = lambda x: max(x, mp.mpf("1e-30"))
    series("I0_NEAR", "exp(-x) I0(x) on [0, 8]", lambda x: exp(-x) * mp.besseli(0, x), 0, 8)
    series("I0_FAR", "√x exp(-x) I0(x) over 8/x on [0, 1]", scaled(mp.besseli, 0, -1, 8), 0, 1)
    series("I1_NEAR", "exp(-x) I1(x) / x on [0, 8]", lambda x: exp(-x) * mp.besseli(1, small(x)) / small(x), 0, 8)
    series("I1_FAR", "√x exp(-x) I1(x) over 8/x on [0, 1]", scaled(mp.besseli, 1, -1, 8), 0, 1)
    series("K0_NEAR", "K0(x) + log(x/2) I0(x) over x² on [0, 4]", regular(0, "K"), 0, 4)
    series("K0_FAR", "√x exp(x) K0(x) over 2/x on [0, 1]", scaled(mp.besselk, 0, 1, 2), 0, 1)
    series("K1_NEAR", "x (K1(x) - log(x/2) I1(x)) over x² on [0, 4]", regular(1, "K"), 0, 4)
    series("K1_FAR", "√x exp(x) K1(x) over 2/x on [0, 1]", scaled(mp.besselk, 1, 1, 2), 0, 1)
    j0 = lambda z: mp.besselj(0, sqrt(z)) / ((z - J0[0] ** 2) * (z - J0[1] ** 2))
    j1 = lambda z: mp.besselj(1, sqrt(small(z))) / sqrt(small(z)) / ((z - J1[0] ** 2) * (z - J1[1] ** 2))
    series("J0_NEAR", "J0(x) / ((x²-r²)(x²-s²)), r and s its zeros, over x² on [0, 64]", j0, 0, 64)
    series("J1_NEAR", "J1(x) / (x (x²-r²)(x²-s²)), r and s its zeros, over x² on [0, 64]", j1, 0, 64)
    series("Y0_NEAR", "Y0(x) - (2/π) log(x) J0(x) over x² on [0, 64]", regular(0, "Y"), 0, 64)
    series("Y1_NEAR", "(Y1(x) - (2/π)(log(x) J1(x) - 1/x)) / x over x² on [0, 64]", regular(1, "Y"), 0, 64)
    for order in (0, 1):
        series(f"P{order}_FAR", f"P of order {order} (DLMF 10.17.3) over (8/x)² on [0, 1]", hankel(order, "P"), 0, 1)
        series(f"Q{order}_FAR", f"Q·x/8 of order {order} over (8/x)² on [0, 1]", hankel(order, "Q"), 0, 1)
    series("AIRY_NEAR", "Ai(x) on [-2, 2]", mp.airyai, -2, 2)
    series("AIRY_ABOVE", "2√π x^¼ exp(ζ) Ai(x) over ζ(2)/ζ on [0, 1], ζ = ⅔ x^1.5", airy_above, 0, 1)
    series("AIRY_BELOW_P", "P of Ai(-x) (DLMF 9.7.9) over (ζ(2)/ζ)² on [0, 1]", airy_below("P"), 0, 1)
    series("AIRY_BELOW_Q", "Q·ζ/ζ(2) of Ai(-x) over (ζ(2)/ζ)² on [0, 1]", airy_below("Q"), 0, 1)
    print("\n/** Temme's c_k(η) (DLMF 8.12.10) as power series in η: one row for each k. */")
    print("export const TEMME: readonly (readonly number[])[] = [")
    for row in temme(11, 24):
        cells = ", ".join(repr(float(v)).replace("e-0", "e-") for v in row)
        words, line = cells.split(" "), "  ["
        for word in words:
            if len(line) + len(word) + 1 > 98:
                print(line.rstrip())
                line = "   "
            line += (" " if line.strip() != "[" else "") + word
        print(line + "],")
    print("]; // biome-ignore format: a table")


main()
