// Imports every entry point that package.json promises, trains, and prints what came of it as JSON.
import { readFileSync } from "node:fs";
import { train } from "./train.js";

const manifest = JSON.parse(readFileSync("node_modules/anneal/package.json", "utf8"));
const names = {};
for (const subpath of Object.keys(manifest.exports)) {
  if (subpath === "./package.json") continue;
  names[subpath] = Object.keys(await import(`anneal${subpath.slice(1)}`));
}
console.log(JSON.stringify({ version: process.version, names, result: await train() }));
