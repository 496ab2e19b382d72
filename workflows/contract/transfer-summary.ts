import type { TransferProgress } from '../../domain/stock/transfers/types';
import { shortSummary } from './short-summary';

/** One line that tells an operator what the transfer is. */
export function transferSummary({ quantity, sku, from, to }: TransferProgress): string {
  return shortSummary(`${quantity} × ${sku} from ${from} to ${to}`);
}

/** What it waits for, as Temporal's Markdown. */
export function waitingFor(transfer: TransferProgress): string {
  const { to, open, quantity, expectedAt, isOverdue } = transfer;
  const due = isOverdue ? `**overdue** since ${expectedAt}` : `expected by ${expectedAt}`;
  return `Waiting for ${to} to receive ${open} of ${quantity}, ${due}.${soFar(transfer)}`;
}

/** How it ended. */
export function ended({ status, ...transfer }: TransferProgress): string {
  return `${status === 'completed' ? 'Completed' : 'Cancelled'}.${soFar(transfer)}`;
}

function soFar({ received, lost, returned }: Omit<TransferProgress, 'status'>): string {
  return `\n\n${received} received, ${lost} lost, ${returned} back at the source.`;
}
