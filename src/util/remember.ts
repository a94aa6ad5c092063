// Answers about objects that never change, worked out once an object and kept as long as it is.
// Not here: caches with a size or a lifetime of their own.

/** The function, asked once for each object. */
export function remember<K extends object, V>(f: (key: K) => V): (key: K) => V {
  const known = new WeakMap<K, { readonly value: V }>();
  return (key) => {
    let answer = known.get(key);
    if (answer === undefined) {
      answer = { value: f(key) };
      known.set(key, answer);
    }
    return answer.value;
  };
}
