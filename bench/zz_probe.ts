// quick GPT for profiling
import { compile, nn, optim, Tensor, arange, manualSeed } from "../src/index.ts";
class Attn extends nn.Module {
  c_attn; c_proj; H;
  constructor(C: number, H: number) { super(); this.H = H; this.c_attn = new nn.Linear(C, 3*C, {bias:false}); this.c_proj = new nn.Linear(C, C, {bias:false}); }
  forward(x: Tensor) {
    const [q,k,v] = this.c_attn.forward(x).chunk(3,-1).map(t => t.unflatten(-1,[this.H,-1]).transpose(1,2));
    return this.c_proj.forward(nn.scaledDotProductAttention(q!,k!,v!,{causal:true}).transpose(1,2).flatten(2));
  }
}
class Block extends nn.Module {
  ln_1; attn; ln_2; c_fc; c_proj;
  constructor(C: number, H: number) { super(); this.ln_1 = new nn.LayerNorm(C,{bias:false}); this.attn = new Attn(C,H); this.ln_2 = new nn.LayerNorm(C,{bias:false}); this.c_fc = new nn.Linear(C,4*C,{bias:false}); this.c_proj = new nn.Linear(4*C,C,{bias:false}); }
  forward(x: Tensor) { x = x.add(this.attn.forward(this.ln_1.forward(x))); return x.add(this.c_proj.forward(this.c_fc.forward(this.ln_2.forward(x)).gelu())); }
}
class GPT extends nn.Module {
  wte; wpe; h: Block[]; ln_f; lm_head;
  constructor(V: number, T: number, C: number, L: number, H: number) { super(); this.wte = new nn.Embedding(V,C); this.wpe = new nn.Embedding(T,C); this.h = Array.from({length:L},()=>new Block(C,H)); this.ln_f = new nn.LayerNorm(C,{bias:false}); this.lm_head = new nn.Linear(C,V,{bias:false}); this.lm_head.weight = this.wte.weight;
    nn.init.normal(this.wte.weight,0,0.02); nn.init.normal(this.wpe.weight,0,0.02); }
  forward(i: Tensor) { let x = this.wte.forward(i).add(this.wpe.weight.narrow(0,0,i.shape[1]!)); for (const b of this.h) x = b.forward(x); return this.lm_head.forward(this.ln_f.forward(x)); }
}
const t0 = performance.now();
manualSeed(1);
const B=12,T=64,V=65;
const model = new GPT(V,T,128,4,4);
const opt = new optim.AdamW(model.parameters(), {lr:1e-3});
const step = compile((x: Tensor, y: Tensor) => { const loss = nn.crossEntropy(model.forward(x).reshape(-1,V), y.flatten()); opt.step(loss); return loss; });
const r = () => Tensor.from(Int32Array.from({length:B*T},()=>Math.floor(Math.random()*V)),[B,T]);
const n = Number(process.argv[2] ?? 40);
const ms: number[] = [];
for (let i=0;i<n;i++){ const x=r(),y=r(); const s=performance.now(); const l = await step(x,y).item(); ms.push(performance.now()-s); if(i===0) console.log("first from start of process", performance.now().toFixed(0), "compileMs", step.stats.compileMs, "loss", l); }
const s = ms.slice(1).sort((a,b)=>a-b); console.log("median", s[s.length>>1]?.toFixed(2), "min", s[0]?.toFixed(2), "first", ms[0]!.toFixed(0));
