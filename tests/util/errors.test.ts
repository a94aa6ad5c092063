// The text of errors is part of the product: sentence, findings, hint, module path, in that order.
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import {
  AnnealError,
  ArgumentError,
  DeviceError,
  DtypeError,
  LoadError,
  NumericError,
  ShapeError,
  StateError,
} from "../../src/util/errors.ts";

const classes = { ShapeError, DtypeError, ArgumentError, DeviceError, NumericError, StateError };

describe("typed errors", () => {
  it("prints sentence, hint and module path in this order", () => {
    const error = new ShapeError("matmul", "[32,784] @ [128,784]: inner sizes 784 and 128 differ", {
      hint: "the right operand looks transposed; use b.T",
      in: "model.fc1 (Linear 784 -> 128)",
    });
    expect(String(error)).toBe(
      "ShapeError: matmul: [32,784] @ [128,784]: inner sizes 784 and 128 differ\n" +
        "  hint: the right operand looks transposed; use b.T\n" +
        "  in: model.fc1 (Linear 784 -> 128)",
    );
    expect(error.op).toBe("matmul");
    expect(error.in).toBe("model.fc1 (Linear 784 -> 128)");
  });

  it("leaves out what was not given", () => {
    expect(String(new StateError("compile", "the trace is over"))).toBe(
      "StateError: compile: the trace is over",
    );
  });

  it.each(Object.entries(classes))("%s carries its own name in text and stack", (name, Class) => {
    const error = new Class("op", "went wrong");
    expect(error).toBeInstanceOf(AnnealError);
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe(name);
    expect(error.stack?.startsWith(`${name}: op: went wrong\n`)).toBe(true);
    expect(inspect(error)).not.toContain("detail:");
  });

  it("keeps the cause", () => {
    const cause = new RangeError("x");
    expect(new DeviceError("run", "lost", { cause }).cause).toBe(cause);
    expect("cause" in new DeviceError("run", "lost")).toBe(false);
  });
});

describe("LoadError", () => {
  it("continues the file's name to a sentence, then lists findings", () => {
    const error = new LoadError("gpt2.safetensors", "does not fit GPT: 1 missing, 1 wrong shape", {
      lines: ["missing     h.0.attn.bias", "shape       wte.weight: file [2], model [3]"],
      hint: "load(model, file, { strict: false }) keeps what fits",
    });
    expect(String(error)).toBe(
      "LoadError: gpt2.safetensors does not fit GPT: 1 missing, 1 wrong shape\n" +
        "  missing     h.0.attn.bias\n" +
        "  shape       wte.weight: file [2], model [3]\n" +
        "  hint: load(model, file, { strict: false }) keeps what fits",
    );
    expect(error.stack?.startsWith(`${String(error)}\n`)).toBe(true);
    expect(error.file).toBe("gpt2.safetensors");
    expect(error.lines).toHaveLength(2);
  });

  it("carries the byte", () => {
    expect(new LoadError("x.idx", "is truncated at byte 16", { byte: 16 }).byte).toBe(16);
  });
});
