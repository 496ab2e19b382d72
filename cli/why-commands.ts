import { Argument, Option, type Command } from 'commander';
import { WAITING_KINDS } from '../domain/administration/attention-types';
import { WHY_SUBJECTS, type WhySubject } from '../domain/administration/why/types';
import { readCommandSettings } from './environment';
import type { Output } from './output';
import { wholeNumber } from './whole-number';

/** `holdfast why` and `holdfast attention`: how something stands, and what waits for a person. */
export function addWhyCommands(program: Command, output: Output, finish: (code: number) => void): void {
  program
    .command('why')
    .description(
      'say in words how something stands and why, and what to do next (exit code 1 when it waits for a person)',
    )
    .addArgument(new Argument('<what>', 'what it is').choices(WHY_SUBJECTS))
    .argument('<id>', 'its id; of a product its SKU')
    .action(async (type: WhySubject, id: string) => {
      const { runWhy } = await import('./why.js');
      finish(await runWhy(readCommandSettings({}, 'warn'), { type, id }, output));
    });

  program
    .command('attention')
    .description('list everything that waits for a person, longest first (exit code 1 when something does)')
    .addOption(new Option('--kind <kind>', 'only of this kind').choices(WAITING_KINDS))
    .option('--limit <number>', 'how many are shown', wholeNumber(1, 1_000), 100)
    .action(async ({ kind, limit }: { kind?: (typeof WAITING_KINDS)[number]; limit: number }) => {
      const { listAttention } = await import('./why.js');
      finish(await listAttention(readCommandSettings({}, 'warn'), { kind, limit }, output));
    });
}
