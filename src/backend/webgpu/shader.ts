// What the renderer of shaders and the keeper of the device agree on: where a kernel's operands are
// bound, which words its uniform block holds, and what a rendered shader is.
// Not here: shader text (render.ts …), or anything that touches a GPUDevice.
//
// Bindings, all of group 0:
//   0     var<uniform>: the words of `uniformWords`, at a dynamic offset
//   1     var<storage, read_write>, the status: word 0 is 0, or the fault of the earliest step that had one
//   2 …   var<storage, read_write>, the slabs that operands lie in, each bound once and whole
// Every element is one word of 4 bytes: float32, int32, and uint8 and bool as a u32. An operand is the
// number of its first slab and an element offset in that slab, so aliasing within a dispatch is legal.
// A shader's storage buffers are its slabs and the status: at most seven slabs where the limit is eight.

import type { DType } from "../../ir/dtype.ts";

/** The binding of the first slab. */
export const firstSlab = 2;

/** Where an operand lies, but for its offset: slab `slab` (0 is binding `firstSlab`) or, where it is
 *  larger than a slab, `count` slabs from that one on: element i of the operand at offset o lies in slab
 *  `slab + ⌊(o + i) / slabElements⌋`. */
export interface Place {
  readonly slab: number;
  readonly count: number;
}

/** The shape of a dispatch's bindings. Number the slabs by their first use, so that equal kernels get
 *  equal text. */
export interface ShaderLayout {
  /** One an operand of the kernel. */
  readonly places: readonly Place[];
  /** How many slabs are bound. */
  readonly slabs: number;
  /** Elements of a slab; matters only where a place has several. */
  readonly slabElements: number;
  /** The dispatch does nothing where the status is not 0: for steps that change state. */
  readonly guarded: boolean;
}

/** What of the device the text may depend on. */
export interface ShaderFeatures {
  /** maxComputeInvocationsPerWorkgroup (and maxComputeWorkgroupSizeX), at least 128. */
  readonly invocations: number;
  /** maxComputeWorkgroupStorageSize in bytes. */
  readonly workgroupBytes: number;
  /** The device has the feature `subgroups`. */
  readonly subgroups: boolean;
  /** Factors of products are rounded to float16 (sums are float32): for who asks for it, on a device
   *  that has the feature `shader-f16`. */
  readonly f16: boolean;
}

export interface Shader {
  /** WGSL with the entry point `main`. Equal code, equal pipeline. */
  readonly code: string;
  /** Workgroups in x, y and z, each at most 65,535. Where one is 0 there is nothing to do. */
  readonly dispatch: readonly [x: number, y: number, z: number];
  /** The last words of the uniform block. */
  readonly constants: readonly number[];
}

/** The uniform block of one dispatch: the offset of each operand in elements, the bits of each scalar,
 *  the step's first fault number, the shader's constants; filled up to whole 16 bytes. Fault i of the
 *  kernel sets the status to `faultBase` + i + 1. */
export function uniformWords(
  shader: Shader,
  offsets: readonly number[],
  scalars: { readonly dtypes: readonly DType[]; readonly values: readonly number[] },
  faultBase: number,
): Uint32Array<ArrayBuffer> {
  const { constants } = shader;
  const { dtypes, values } = scalars;
  const length = offsets.length + values.length + 1 + constants.length;
  const words = new Uint32Array(4 * Math.ceil(length / 4));
  const floats = new Float32Array(words.buffer);
  words.set(offsets);
  values.forEach((value, i) => {
    const at = offsets.length + i;
    if (dtypes[i] === "float32") floats[at] = value;
    else words[at] = dtypes[i] === "bool" ? Number(value !== 0) : value;
  });
  words[offsets.length + values.length] = faultBase;
  words.set(constants, offsets.length + values.length + 1);
  return words;
}
