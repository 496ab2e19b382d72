import { createRetryAfterEstimate, type RetryAfterEstimate } from '../../api/services/retry-after-estimate';
import { seededRandom } from '../support/random';

/** An estimate with a clock that the test moves. */
function estimateOf(assumedPerSecond: number): { estimate: RetryAfterEstimate; after(ms: number): void } {
  let now = 1_000;
  return { estimate: createRetryAfterEstimate(assumedPerSecond, () => now), after: (ms) => void (now += ms) };
}

function told(estimate: RetryAfterEstimate, count: number): number[] {
  return Array.from({ length: count }, () => estimate.retryAfterSeconds());
}

/** A turn ends every `ms`. */
function move({ estimate, after }: ReturnType<typeof estimateOf>, turns: number, ms: number): void {
  for (let turn = 0; turn < turns; turn++) {
    after(ms);
    estimate.turnEnded();
  }
}

describe('when those who are turned away come again', () => {
  it('is one after the other, at the assumed speed while nothing was seen', () => {
    const { estimate } = estimateOf(100);
    estimate.start();
    expect(told(estimate, 100)).toEqual(Array(100).fill(1));
    expect(told(estimate, 100)).toEqual(Array(100).fill(2));
  });

  it('is at the speed at which turns end, faster or slower than assumed', () => {
    for (const [assumed, everyMs] of [
      [100, 100],
      [1, 10],
    ] as const) {
      const at = estimateOf(assumed);
      at.estimate.start();
      move(at, 200, everyMs);
      const perSecond = 1_000 / everyMs;
      const seconds = told(at.estimate, perSecond * 5);
      expect(seconds[0]).toBe(1);
      expect(seconds.at(-1)).toBeGreaterThanOrEqual(4);
      expect(seconds.at(-1)).toBeLessThanOrEqual(5);
    }
  });

  it('goes by the last turns, so that a queue that slows down is noticed', () => {
    const at = estimateOf(100);
    at.estimate.start();
    move(at, 10_000, 1);
    expect(at.estimate.expectedMs(100)).toBeCloseTo(100, -1);
    move(at, 300, 50);
    expect(at.estimate.expectedMs(100)).toBeCloseTo(5_000, -2);
  });

  it('is later the longer no turn ends at all, and half a minute at most', () => {
    const { estimate, after } = estimateOf(100);
    estimate.start();
    after(10_000);
    expect(told(estimate, 5)).toEqual([10, 20, 30, 30, 30]);
    after(30_000);
    expect(told(estimate, 1)).toEqual([30]);
  });

  it('is not put off by the time that the first turns take together', () => {
    const at = estimateOf(100);
    at.estimate.start();
    at.after(3_000);
    expect(told(at.estimate, 1)).toEqual([1]);
    move(at, 20, 10);
    expect(at.estimate.expectedMs(100)).toBeCloseTo(950, 0);
  });

  it('is in whole seconds, half a minute at most, whatever the clock shows', () => {
    const random = seededRandom();
    const at = estimateOf(1);
    for (let n = 0; n < 1_000; n++) {
      at.after(random.fraction());
      expect(at.estimate.retryAfterSeconds()).toBeLessThanOrEqual(30);
      const { estimate, after } = estimateOf(1);
      after(random.fraction());
      expect(estimate.retryAfterSeconds()).toBe(1);
    }
  });

  it('does not keep turns that passed unused: later ones do not wait for them', () => {
    const { estimate, after } = estimateOf(10);
    estimate.start();
    expect(told(estimate, 50).at(-1)).toBe(5);
    after(60_000);
    estimate.stop();
    expect(told(estimate, 1)).toEqual([1]);
  });

  it('estimates nothing from a few turns, nor from those of an emptied queue', () => {
    const at = estimateOf(10);
    move(at, 100, 10);
    expect(at.estimate.expectedMs(1)).toBeNull();
    at.estimate.start();
    move(at, 7, 10);
    expect(at.estimate.expectedMs(1)).toBeNull();
    move(at, 1, 10);
    expect(at.estimate.expectedMs(8)).toBeCloseTo(70, 0);
    at.estimate.stop();
    expect(at.estimate.expectedMs(1)).toBeNull();
  });
});
