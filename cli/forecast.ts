import { z } from 'zod';
import type { Settings } from '../platform/config';
import { openJobClient } from './job-client';
import type { Output } from './output';

const interval = z.object({ lower: z.number(), upper: z.number() }).nullable();
const forecastSchema = z.object({
  sku: z.string(),
  location: z.string().nullable(),
  lastDay: z.string(),
  model: z.string(),
  days: z.array(
    z.object({
      date: z.string(),
      units: z.number(),
      interval,
      total: z.object({ units: z.number(), interval }),
    }),
  ),
});

/** `holdfast forecast SKU`: what will be ordered of a product, a day a line. */
export async function showForecast(
  settings: Settings,
  asked: { sku: string; days: string; location: string | undefined; url: string | undefined },
  output: Output,
): Promise<number> {
  const client = await openJobClient(settings, asked.url);
  const query = new URLSearchParams({
    horizonDays: asked.days,
    ...(asked.location === undefined ? {} : { location: asked.location }),
  });
  const response = await client.call(`/forecasts/${encodeURIComponent(asked.sku)}?${query.toString()}`);
  const forecast = forecastSchema.parse(await response.json());
  output.json(forecast);
  const place = forecast.location === null ? 'all locations' : forecast.location;
  output.line(`${forecast.sku}, ${place}: known up to ${forecast.lastDay}, by ${forecast.model}.`);
  for (const { date, units, interval: range, total } of forecast.days)
    output.line([date, said(units, range), `in all ${said(total.units, total.interval)}`].join('  '));
  return 0;
}

function said(units: number, range: z.infer<typeof interval>): string {
  const shown = units.toFixed(1).padStart(8);
  return range === null ? shown : `${shown} (${range.lower.toFixed(1)} to ${range.upper.toFixed(1)})`;
}
