import { mayCancel } from '../../domain/ordering/rules';
import type { OrderProgress } from '../../domain/ordering/types';
import { database } from './activities';
import { writing, type FailingWork } from './failing';
import { refusedPay, type Requests, type WaitingPayment } from './requests';

/**
 * Writes waiting requests to rows: steps are chosen from rows, and rows outlive a saga. One that cannot be written is refused, but for a
 * request to cancel, which is tried again: nobody may be there to repeat it.
 */
export async function writeRequests(
  read: OrderProgress,
  { requests, failing }: { requests: Requests; failing: FailingWork },
): Promise<OrderProgress> {
  const { orderId } = read;
  let progress = await writeCancel(read, requests, failing);
  progress = await requests.cuts.write(progress, (cut) => database.requestCut({ orderId, ...cut }));
  progress = await requests.amendments.write(progress, (amendment) =>
    database.requestAmend({ orderId, ...amendment }),
  );
  for (let payment = requests.nextPayment; payment; payment = requests.nextPayment)
    progress = await beginCharge(payment, progress);
  return progress;
}

async function writeCancel(
  progress: OrderProgress,
  requests: Requests,
  failing: FailingWork,
): Promise<OrderProgress> {
  const { orderId } = progress;
  const wish = requests.takeCancel();
  if (wish === undefined || !mayCancel(progress)) return progress;
  return failing.trying(
    'request-cancel',
    progress,
    () => database.requestCancel({ orderId, ...wish }),
    () => requests.putOffCancel(wish),
  );
}

function beginCharge(waiting: WaitingPayment, progress: OrderProgress): Promise<OrderProgress> {
  const { orderId } = progress;
  const { updateId, actor, httpRequestId, ...payment } = waiting.request;
  return writing(waiting, progress, async () => {
    const begun = await database.beginCharge({
      orderId,
      updateId,
      payment,
      reservationId: null,
      actor,
      httpRequestId,
    });
    if (begun.begun) waiting.paymentId = begun.paymentId;
    else waiting.result = refusedPay(begun.code);
    return begun.progress;
  });
}
