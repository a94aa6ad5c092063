// The same training in Node; prints the losses as JSON.
import { train } from "./problem.js";

const [steps, batch] = process.argv.slice(2).map(Number);
console.log(JSON.stringify(await train({ steps, batch })));
