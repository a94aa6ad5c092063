// Settings: what a recipe's figures depend on, as a table from which come the options of the
// command line, the configuration that a run's folder keeps, and the check of one that is read
// again.
// Not here: what the settings mean (the recipes), or options that only change the speed (cli/main.ts).

import { below1, oneOf, positive, wholeFrom } from "./options.ts";

/** One setting: an option, and a field of config.json. */
export interface Setting<T = unknown> {
  /** What the option takes, `<n>`; a setting without it is switched on by its name alone. */
  readonly takes?: string;
  readonly help: string;
  /** The value of what the command line says. Throws UsageError. */
  readonly parse: (option: string) => (text: string) => T;
  /** Whether a value out of a file can be one. */
  readonly fits: (value: unknown) => boolean;
  /** The value where nothing is said; it may follow from settings further up. */
  readonly usual: T | ((soFar: never) => T);
}

export type Settings = Readonly<Record<string, Setting>>;

type ValueOf<S> = S extends Setting<infer T> ? T : never;

/** The values of settings. */
export type Config<S extends Settings> = { readonly [K in keyof S]: ValueOf<S[K]> };

/** What a run's folder says of it. */
export type RunConfig<S extends Settings = Settings> = {
  readonly format: 1;
  readonly task: string;
} & Config<S>;

type Usual<T> = T | ((soFar: never) => T);

/** An integer from `least`. */
export function whole(help: string, usual: Usual<number>, least = 1): Setting<number> {
  const fits = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= least;
  return { takes: "<n>", help, parse: (option) => wholeFrom(option, least), fits, usual };
}

/** A number above 0. */
export function number(help: string, usual: Usual<number>): Setting<number> {
  const fits = (value: unknown) => typeof value === "number" && value > 0;
  return { takes: "<x>", help, parse: positive, fits, usual };
}

/** A number from 0 to below 1. */
export function part(help: string, usual: Usual<number>): Setting<number> {
  const fits = (value: unknown) => typeof value === "number" && value >= 0 && value < 1;
  return { takes: "<x>", help, parse: below1, fits, usual };
}

/** One of a few words. */
export function choice<T extends string>(help: string, words: readonly T[], usual: T): Setting<T> {
  return {
    takes: "<name>",
    help: `${help}${words.join(" or ")} (${usual})`,
    parse: (option) => oneOf(option, words),
    fits: (value) => words.includes(value as T),
    usual,
  };
}

/** A text, or nothing. */
export function text(help: string, takes: string): Setting<string | null> {
  const fits = (value: unknown) => value === null || typeof value === "string";
  return { takes, help, parse: () => (given) => given, fits, usual: null };
}

/** A text that is always there. */
export function word(help: string, takes: string, usual: string): Setting<string> {
  const fits = (value: unknown) => typeof value === "string" && value !== "";
  return { takes, help, parse: () => (given) => given, fits, usual };
}

/** Off, unless its name is given. */
export function toggle(help: string): Setting<boolean> {
  const parse = () => () => true;
  return { help, parse, fits: (value) => typeof value === "boolean", usual: false };
}

/** The seed that every recipe has: a run follows from it. */
export function seedOf(what: string): Setting<number> {
  return whole(`of ${what} (1)`, 1, 0);
}

/** The data that every recipe can do with less of. */
export function limitTo(what: string, least: number): Setting<number | null> {
  const help = `use only the first n ${what}, to try things out`;
  const { fits, parse } = whole(help, least, least);
  return { takes: "<n>", help, parse, fits: (value) => value === null || fits(value), usual: null };
}

/** Whether single items that cannot be read are left out and counted; without it the first stops the run
 *  before it trains. A recipe that has it gives what was left out as `Prepared.skipped`. */
export function skipBadOf(what: string): Setting<boolean> {
  return toggle(`leave out ${what} that cannot be read, and count them`);
}

/** What stands on the command line for a setting: `learningRate` is `--learning-rate`. */
export function optionOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)}`;
}

/** The values of all settings: what is asked, else what is usual. */
export function configOf<S extends Settings>(
  settings: S,
  asked: Readonly<Record<string, unknown>>,
): Config<S> {
  const config: Record<string, unknown> = {};
  for (const [name, { usual }] of Object.entries(settings)) {
    const value = typeof usual === "function" ? (usual as (c: unknown) => unknown)(config) : usual;
    config[name] = asked[name] ?? value;
  }
  return config as Config<S>;
}

/** Whether a value out of a file has every setting. */
export function isConfig(settings: Settings, value: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(settings).every(([name, { fits }]) => fits(value[name]));
}

/** The settings of a run that are asked otherwise, as errors say it. */
export function differing(
  settings: Settings,
  config: Readonly<Record<string, unknown>>,
  asked: Readonly<Record<string, unknown>>,
): { option: string; asked: unknown; has: unknown } | undefined {
  for (const name of Object.keys(settings)) {
    if (asked[name] === undefined || asked[name] === config[name]) continue;
    return { option: optionOf(name), asked: asked[name], has: config[name] };
  }
  return undefined;
}
