/** What goes out is handed over in pieces of so many bytes: a piece that is taken shows that the client reads, however long the whole is. */
export const PIECE_BYTES = 65_536;

/** A client that does not take a piece for so long is dropped. */
export const STUCK_MS = 20_000;
