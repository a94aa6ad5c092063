// A language model of names by hand: characters, windows, a GPT, a compiled step, and new names.
//   npm run example examples/names-by-hand.ts [FILE]
// The file has one name a line; without it, makemore's list is fetched. `anneal train names` does more.

import { compile, manualSeed, nn, optim, type Tensor } from "anneal";
import { ArrayDataset, DataLoader } from "anneal/data";
import { CharacterTokenizer, corpora, generateBatch, padSequences, readLines } from "anneal/text";

const [file] = process.argv.slice(2);
const names = await readLines(file ? { from: file } : corpora.names);
const tokenizer = CharacterTokenizer.train(names, { specials: { begin: ".", end: "." } });
const dot = tokenizer.vocabulary.special("end");
const length = 1 + Math.max(...names.map((name) => name.length));

const samples = names.map((name) => {
  const tokens = tokenizer.encode(name, { begin: true, end: true }); // .emma.
  const read = padSequences([tokens.subarray(0, -1)], { length, pad: dot });
  const said = padSequences([tokens.subarray(1)], { length, pad: -100 }); // what is not heard
  return { x: read.tokens.data, y: said.tokens.data };
});

manualSeed(1);
const vocabularySize = tokenizer.vocabulary.size;
const model = new nn.GPT({ vocabularySize, contextLength: length, layers: 2, heads: 4, width: 64 });
const optimizer = new optim.AdamW(model.parameters(), { lr: 3e-3 });
const step = compile((x: Tensor, y: Tensor) => {
  const logits = model.forward(x); // (B, T, V)
  const loss = nn.crossEntropy(logits.flatten(0, 1), y.flatten());
  optimizer.step(loss);
  return loss;
});

const batches = new DataLoader(new ArrayDataset(samples), { batchSize: 64, shuffle: true });
let count = 0;
for await (const { x, y } of batches) {
  const loss = step(x, y);
  if (++count % 50 === 0) console.log(`step ${count}  loss ${(await loss.item()).toFixed(3)}`);
}

model.eval();
const options = { rows: 10, maxTokens: length - 1, end: dot, seed: 1 };
const made = await generateBatch(model, [dot], options);
for (const tokens of made) console.log(tokenizer.decode(tokens));
