import { z } from 'zod';

/** Clients pass cursors back as they got them; what is inside is ours to change. */
export function encodeCursor(position: unknown): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/** A query parameter that holds a position of this shape. One that we did not make fails validation. */
export function cursorOf<Position extends z.ZodType>(position: Position) {
  return z
    .string()
    .max(500)
    .transform((text, context): z.output<Position> => {
      const parsed = position.safeParse(decode(text));
      if (parsed.success) return parsed.data;
      context.addIssue({ code: 'custom', message: 'is not a cursor of this list' });
      return z.NEVER;
    });
}

/** As PostgreSQL compares by bytes: JavaScript compares UTF-16, which sorts some letters otherwise. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function decode(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
