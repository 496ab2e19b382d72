import { Registry } from 'prom-client';
import { addCountedMetrics } from '../../api/services/counted-metrics';

test('scrapes that come at once count once, also while the database is away', async () => {
  const asked: string[] = [];
  const registry = new Registry();
  addCountedMetrics(registry, {
    query(statement) {
      asked.push(statement.name);
      return Promise.reject(new Error('away'));
    },
    transaction() {
      asked.push('a transaction');
      return Promise.reject(new Error('away'));
    },
  });
  const scrapes = await Promise.all(Array.from({ length: 10 }, () => registry.metrics()));
  expect(scrapes[9]).toContain('holdfast_jobs');
  expect(asked.length).toBeGreaterThanOrEqual(5);
  expect(asked).toEqual([...new Set(asked)]);
});
