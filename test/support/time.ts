/** The time the library sees is `Date.now()`, and our clock is built upon it: moving it moves both. */
import { jest } from '@jest/globals';

const realNow = Date.now;
let offset = 0;

/** Time goes on from `seconds` later, as often as it is called, until `realTime`. */
export function later(seconds: number): void {
  offset += seconds * 1000;
  jest.spyOn(Date, 'now').mockImplementation(() => realNow.call(Date) + offset);
}

export function realTime(): void {
  offset = 0;
  jest.restoreAllMocks();
}
