import { InvalidArgumentError, Option, type Command } from 'commander';
import { validate } from 'uuid';
import { REFUND_SETTLEMENTS, type RefundSettlement } from '../domain/payments/types';
import { readCommandSettings } from './environment';
import type { Output } from './output';

interface ResolveOptions {
  outcome: RefundSettlement;
  reference?: string | undefined;
  reason: string;
}

const MONEY = {
  refund: {
    description: 'refunds that the payment gateway does not make',
    outcome: 'the money went back in another way, or does not go back',
  },
  capture: {
    description: 'money of authorisations that the payment gateway does not take',
    outcome: 'the customer paid in another way, or the money is given up',
  },
} as const;

/** `holdfast refund` and `holdfast capture`: what a person does about money that the gateway does not move. */
export function addMoneyCommands(program: Command, output: Output, finish: (code: number) => void): void {
  for (const kind of ['refund', 'capture'] as const) {
    const command = program.command(kind).description(MONEY[kind].description);
    command
      .command('retry')
      .description(`let a ${kind} be tried again now; one that was refused for good under a new key`)
      .argument('<id>', `of the ${kind}`, idArgument)
      .exitOverride()
      .action(async (id: string) => {
        const { runRetry } = await import('./money.js');
        finish(await runRetry(readCommandSettings({}, 'warn'), { kind, id }, output));
      });
    command
      .command('resolve')
      .description(`record what was done instead of a ${kind}: it is asked for no more`)
      .argument('<id>', `of the ${kind}`, idArgument)
      .addOption(
        new Option('--outcome <outcome>', MONEY[kind].outcome)
          .choices(REFUND_SETTLEMENTS)
          .makeOptionMandatory(),
      )
      .requiredOption('--reason <text>', "why; kept in the order's history", textArgument)
      .option('--reference <text>', 'where the other payment is found', textArgument)
      .exitOverride()
      .action(async (id: string, { outcome, reference, reason }: ResolveOptions) => {
        const { runResolve } = await import('./money.js');
        const request = { kind, id, outcome, reference: reference ?? null, reason };
        finish(await runResolve(readCommandSettings({}, 'warn'), request, output));
      });
  }
}

function idArgument(text: string): string {
  if (!validate(text)) throw new InvalidArgumentError('The id is a UUID.');
  return text.toLowerCase();
}

function textArgument(text: string): string {
  if (text.length === 0 || text.length > 500)
    throw new InvalidArgumentError('A text has 1 to 500 characters.');
  return text;
}
