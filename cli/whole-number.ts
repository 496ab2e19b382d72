import { InvalidArgumentError } from 'commander';

/** Reads an argument of a command that is a whole number from `least` to `most`. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const given = Number(text);
    if (!Number.isInteger(given) || given < least || given > most)
      throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`);
    return given;
  };
}
