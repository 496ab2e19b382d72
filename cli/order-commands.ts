import { InvalidArgumentError, Option, type Command } from 'commander';
import { validate } from 'uuid';
import { REVIEW_DECISIONS } from '../domain/orders/types';
import { readCommandSettings } from './environment';
import type { Output } from './output';

interface ReviewOptions {
  decision: keyof typeof REVIEW_DECISIONS;
  note?: string | undefined;
}

/** `holdfast order`: what a person decides about an order. */
export function addOrderCommands(program: Command, output: Output, finish: (code: number) => void): void {
  const order = program.command('order').description('decisions about orders');
  order
    .command('review')
    .description('approve or reject an order that waits for its review; rejected, it is cancelled')
    .argument('<id>', 'of the order', orderArgument)
    .addOption(
      new Option('--decision <decision>', 'what is decided')
        .choices(Object.keys(REVIEW_DECISIONS))
        .makeOptionMandatory(),
    )
    .option('--note <text>', "why; kept in the order's history", noteArgument)
    .exitOverride()
    .action(async (orderId: string, { decision, note }: ReviewOptions) => {
      const { runOrderReview } = await import('./order-review.js');
      const request = { orderId, outcome: REVIEW_DECISIONS[decision], note: note ?? null };
      finish(await runOrderReview(readCommandSettings({}, 'warn'), request, output));
    });
}

function orderArgument(text: string): string {
  if (!validate(text)) throw new InvalidArgumentError('The id of an order is a UUID.');
  return text.toLowerCase();
}

function noteArgument(text: string): string {
  if (text.length === 0 || text.length > 500)
    throw new InvalidArgumentError('A note has 1 to 500 characters.');
  return text;
}
