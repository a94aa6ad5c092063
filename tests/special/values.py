# Computes tests/special/values.json, what the special functions are compared with: python3 tests/special/values.py
# Points are float32 numbers, so that both dtypes are asked the same; values are mpmath's at 50 digits.
import json
import random
import struct
from pathlib import Path

import mpmath as mp

mp.mp.dps = 50
random.seed(7)
f32 = lambda v: struct.unpack("f", struct.pack("f", float(v)))[0]
uniform = lambda low, high, count: [f32(low + (high - low) * random.random()) for _ in range(count)]
logs = lambda low, high, count: [f32(10 ** (low + (high - low) * random.random())) for _ in range(count)]
sides = lambda values: [v for x in values for v in (x, -x)]

positive = logs(-3, 2, 24) + [1.0, 2.0, 3.0, 8.0, 0.5, 1.4375, 1.984375, 1.0078125, 7.9375, 8.0625]
real = sides(logs(-3, 1.2, 16) + [0.5, 1.0, 2.5, 7.5]) + [0.0]
gammas = positive + [-0.25, -0.5, -1.5, -2.75, -3.1875, -10.4375, -0.0009765625]
units = uniform(-0.999, 0.999, 24) + [0.0, 0.5, -0.5, 0.99999, -0.9999999, 0.0001]
probabilities = uniform(0.001, 0.999, 20) + [0.5, 1e-6, 1e-20, 1e-35, 0.99999, 0.25]

ndtr = lambda x: mp.erfc(-x / mp.sqrt(2)) / 2
unary = {
    "lgamma": (gammas + [1e6], lambda x: mp.log(abs(mp.gamma(x))) if x < 1000 else mp.loggamma(x)),
    "digamma": (gammas + [1e6, 1.4616321325302124], mp.digamma),
    "erfc": (real, mp.erfc),
    "erfcx": ([x for x in real if x > -9] + [50.0, 1e4], lambda x: mp.exp(mp.mpf(x) ** 2) * mp.erfc(x)),
    "erfinv": ([f32(x) for x in units], mp.erfinv),
    "ndtr": ([x for x in real if x > -13], ndtr),
    "ndtri": ([f32(p) for p in probabilities], lambda p: ndtri(p)),
    "logNdtr": (real + [-100.0, -30.5], lambda x: mp.log(ndtr(x))),
    "i0": (real, lambda x: mp.besseli(0, x)),
    "i0e": (real + [500.0], lambda x: mp.exp(-abs(x)) * mp.besseli(0, x)),
    "i1": (real, lambda x: mp.besseli(1, x)),
    "i1e": (real + [500.0], lambda x: mp.exp(-abs(x)) * mp.besseli(1, x)),
    "k0": ([x for x in positive if x < 80], lambda x: mp.besselk(0, x)),
    "k0e": (positive, lambda x: mp.exp(x) * mp.besselk(0, x)),
    "k1": ([x for x in positive if x < 80], lambda x: mp.besselk(1, x)),
    "k1e": (positive, lambda x: mp.exp(x) * mp.besselk(1, x)),
    "besselJ0": (real + [50.0, 300.5], lambda x: mp.besselj(0, x)),
    "besselJ1": (real + [50.0, 300.5], lambda x: mp.besselj(1, x)),
    "besselY0": (positive, lambda x: mp.bessely(0, x)),
    "besselY1": (positive, lambda x: mp.bessely(1, x)),
    "sphericalBesselJ0": (real, lambda x: mp.sinc(x)),
    "airyAi": (sides(logs(-2, 1, 16)) + [0.0, 2.0, -2.0], mp.airyai),
    "entr": (positive + [0.0], lambda x: -x * mp.log(x) if x else mp.mpf(0)),
}


def ndtri(p):
    z = mp.mpf(0) if p > 1e-3 else -mp.sqrt(-2 * mp.log(p))
    for _ in range(200):
        step = (mp.log(ndtr(z)) - mp.log(p)) * ndtr(z) / mp.npdf(z)
        z -= step
        if abs(step) < mp.mpf(10) ** -40 * (1 + abs(z)):
            break
    return z


def polygamma(k, x):
    return mp.polygamma(k, x)


def pairs(first, second, count):
    return [(random.choice(first), random.choice(second)) for _ in range(count)]


shapes = logs(-2, 1.3, 20) + [0.5, 1.0, 2.0, 20.0, 25.0, 100.0, 1000.0]
near = [(a, f32(a * r)) for a in (0.05, 0.7, 3.0, 15.0, 21.0, 60.0, 400.0) for r in (0.3, 0.7, 0.95, 1.0, 1.05, 1.5, 3.0)]
incomplete = [p for p in pairs(shapes, logs(-2, 1.5, 20), 30) + near]
zetas = pairs([1.5, 2.0, 3.0, 4.75, 10.0, 30.0], positive, 24) + [(3.0, -2.5), (4.0, -0.75), (2.0, -7.40625)]
binary = {
    "igamma": (incomplete, lambda a, x: mp.gammainc(a, 0, x, regularized=True)),
    "igammac": (incomplete, lambda a, x: mp.gammainc(a, x, mp.inf, regularized=True)),
    "zeta": (zetas, lambda s, q: mp.zeta(s, q) if q > 0 else sum((mp.mpf(q) + k) ** -s for k in range(12)) + mp.zeta(s, q + 12)),
    "xlog1py": (pairs(real, [f32(x) for x in units if x > -0.99], 20), lambda x, y: x * mp.log1p(y) if x else mp.mpf(0)),
    "hypot": (pairs(real, real, 20) + [(3e30, 4e30), (1e-30, 1e-30)], lambda x, y: mp.hypot(f32(x), f32(y))),
}
for k in (1, 2, 3, 4):
    unary[f"polygamma {k}"] = (gammas, lambda x, k=k: polygamma(k, x))

digits = lambda v: float(mp.nstr(v, 20))
out = {}
for name, (points, f) in unary.items():
    points = [f32(p) for p in points]
    out[name] = [[p, digits(f(mp.mpf(p)))] for p in points]
for name, (points, f) in binary.items():
    points = [(f32(p), f32(q)) for p, q in points]
    out[name] = [[p, q, digits(f(mp.mpf(p), mp.mpf(q)))] for p, q in points]
rows = ",\n".join(f'  "{name}": {json.dumps(rows)}' for name, rows in out.items())
Path(__file__).with_name("values.json").write_text("{\n" + rows + "\n}\n")
