// Anneal as its users have it: the package with what it has in dist/, which build.ts links into
// .build/node_modules (a page has an import map). Not the sources, whose types Node would strip.
type Library = typeof import("../../src/index.ts");

const name = "anneal"; // a constant of its own, so that the types come from the sources
const library = (await import(name)) as Library;

export const { cat, compile, device, gradients, nn, optim, Tensor } = library;
export type Tensor = import("../../src/index.ts").Tensor;
export type Module = import("../../src/index.ts").nn.Module;
