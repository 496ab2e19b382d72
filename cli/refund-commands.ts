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

/** `holdfast refund`: what a person does about a refund that the gateway does not make. */
export function addRefundCommands(program: Command, output: Output, finish: (code: number) => void): void {
  const refund = program.command('refund').description('refunds that the payment gateway does not make');
  refund
    .command('retry')
    .description('let a refund be tried again now; one that was refused for good under a new key')
    .argument('<id>', 'of the refund', refundArgument)
    .exitOverride()
    .action(async (refundId: string) => {
      const { runRefundRetry } = await import('./refund.js');
      finish(await runRefundRetry(readCommandSettings({}, 'warn'), refundId, output));
    });
  refund
    .command('resolve')
    .description('record what was done instead of a refund: it is asked for no more')
    .argument('<id>', 'of the refund', refundArgument)
    .addOption(
      new Option('--outcome <outcome>', 'the money went back in another way, or does not go back')
        .choices(REFUND_SETTLEMENTS)
        .makeOptionMandatory(),
    )
    .requiredOption('--reason <text>', "why; kept in the order's history", textArgument)
    .option('--reference <text>', 'where the other payment is found', textArgument)
    .exitOverride()
    .action(async (refundId: string, { outcome, reference, reason }: ResolveOptions) => {
      const { runRefundResolve } = await import('./refund.js');
      const request = { refundId, outcome, reference: reference ?? null, reason };
      finish(await runRefundResolve(readCommandSettings({}, 'warn'), request, output));
    });
}

function refundArgument(text: string): string {
  if (!validate(text)) throw new InvalidArgumentError('The id of a refund is a UUID.');
  return text.toLowerCase();
}

function textArgument(text: string): string {
  if (text.length === 0 || text.length > 500)
    throw new InvalidArgumentError('A text has 1 to 500 characters.');
  return text;
}
