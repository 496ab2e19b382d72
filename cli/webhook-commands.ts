import type { Command } from 'commander';
import { readCommandSettings } from './environment';
import type { Output } from './output';

/** `holdfast webhooks …`: it talks to an API. */
export function addWebhookCommands(program: Command, output: Output): void {
  const webhooks = program.command('webhooks').description('who is told of events');
  webhooks
    .command('listen')
    .description(
      'forward events to an address of your own as webhooks send them, for development; until Ctrl-C',
    )
    .requiredOption('--forward-to <url>', 'where to, such as http://127.0.0.1:3000/hook')
    .option(
      '--types <types>',
      'types of events with commas between, such as order.*,payment.captured; default: all',
    )
    .option('--after <position>', 'begin after this position; default: with what comes next')
    .option('--url <url>', 'address of the API (default: HOLDFAST_URL, or a running `holdfast up`)')
    .action(async (options: { forwardTo: string; types?: string; after?: string; url?: string }) => {
      const { listenForWebhooks } = await import('./webhooks.js');
      await listenForWebhooks(readCommandSettings({}, 'warn'), options, output);
    });
}
