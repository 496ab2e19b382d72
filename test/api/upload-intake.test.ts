import type { Request, Response } from 'express';
import type { JobView } from '../../domain/jobs/types';
import { createUploadIntake } from '../../api/use-cases/upload-intake';
import type { ApiContext } from '../../api/services/context';
import { readSettings } from '../../platform/config';

/** Of a context only what is used before an upload is stored. */
const context = { settings: readSettings({}) } as ApiContext;

function request(): Pick<Request, 'get' | 'headers' | 'query' | 'iterator'> {
  return {
    get: (() => 'text/csv') as unknown as Request['get'],
    headers: {},
    query: {},
    iterator: () => (async function* () {})(),
  };
}

test('a caller whose uploads are still coming in leaves places to others', async () => {
  const intake = createUploadIntake(context);
  const endings: (() => void)[] = [];
  const take = (keyCaller: string) =>
    intake.take(
      {
        keyCaller,
        idempotencyKey: null,
        req: request() as Request,
        res: { setHeader: () => undefined } as unknown as Response,
      },
      {
        name: 'feed',
        scope: 'POST /jobs/feed',
        request: {},
        stage: ({ jobId }) =>
          new Promise((resolve) =>
            endings.push(() => {
              resolve({ job: { jobId, status: 'queued' } as JobView, isNew: true });
            }),
          ),
      },
    );
  const tick = () => new Promise((resolve) => setImmediate(resolve));
  const first = [take('service:a'), take('service:a')];
  await tick();
  await expect(take('service:a')).rejects.toMatchObject({ code: 'OVERLOADED' });
  const others = [take('service:b'), take('service:c')];
  await tick();
  expect(endings).toHaveLength(4);
  await expect(take('service:d')).rejects.toMatchObject({ code: 'OVERLOADED' });
  for (const end of endings.splice(0)) end();
  await Promise.all([...first, ...others]);
  const again = take('service:a');
  await tick();
  for (const end of endings) end();
  expect((await again).status).toBe(202);
});
