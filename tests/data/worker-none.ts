// A module without a default function, for workers.test.ts.
export const nothing = 0;
