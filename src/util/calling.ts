// Who called: the method of a tensor that the user wrote, as far as the engine's stack tells, for errors
// that are found far below it. Not here: the errors.

/** The outermost method of a tensor on the stack; undefined where none is, or the stack does not say. */
export function callingMethod(): string | undefined {
  const methods = [...(new Error().stack ?? "").matchAll(/\bTensor\.(?:async )?(\w+) /g)];
  return methods.at(-1)?.[1];
}
