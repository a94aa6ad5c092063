// Values that are asked for by name, as the command line asks for settings: their checks, and the
// error of one that cannot be carried out. Not here: which settings there are (settings.ts).

import { ArgumentError } from "../util/errors.ts";

/** A command line that cannot be carried out: the process ends with code 2, not 1. */
export class UsageError extends ArgumentError {}

/** A parser of whole numbers from `least`, for an option. */
export function wholeFrom(option: string, least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new UsageError(option, `must be an integer from ${least}, got ${JSON.stringify(text)}`);
  };
}

/** A parser of finite numbers above 0. */
export function positive(option: string): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (value > 0 && Number.isFinite(value)) return value;
    throw new UsageError(option, `must be a number above 0, got ${JSON.stringify(text)}`);
  };
}

/** A parser of numbers from 0 to below 1. */
export function below1(option: string): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (value >= 0 && value < 1) return value;
    const wanted = "must be a number from 0 to below 1";
    throw new UsageError(option, `${wanted}, got ${JSON.stringify(text)}`);
  };
}

/** A parser of one of a few words. */
export function oneOf<T extends string>(option: string, words: readonly T[]): (text: string) => T {
  return (text) => {
    const found = words.find((word) => word === text);
    if (found !== undefined) return found;
    throw new UsageError(option, `must be ${words.join(" or ")}, got ${JSON.stringify(text)}`);
  };
}
