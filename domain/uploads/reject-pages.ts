/** The rejects of an upload in the order of their lines, page by page as they are taken. */
export async function* rejectPages<Reject extends { line: number }>(
  pageAfter: (line: number, size: number) => Promise<Reject[]>,
  size: number,
): AsyncGenerator<Reject[]> {
  let after = 0;
  for (;;) {
    const page = await pageAfter(after, size);
    const last = page.at(-1);
    if (!last) return;
    yield page;
    if (page.length < size) return;
    after = last.line;
  }
}
