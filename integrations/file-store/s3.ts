import type * as Sdk from '@aws-sdk/client-s3';
import type { CompletedPart, S3Client } from '@aws-sdk/client-s3';
import type { FileStore } from '../../domain/files/types';
import { atStore } from './unavailable';

export interface S3Options {
  bucket: string;
  /** Before every key; empty: none. */
  prefix: string;
  region: string;
  /** Of another S3 than that of AWS, whose buckets are paths. */
  endpoint?: string | undefined;
  /** Absent: those that the environment of an AWS client has (variables, files, the role of the machine or pod). */
  credentials?: { accessKeyId: string; secretAccessKey: string } | undefined;
  /** Bytes of a part; those of AWS have at least 5 MiB, but for the last. */
  partBytes?: number;
}

/** 10,000 parts of it are 80 GB. */
const PART_BYTES = 8 * 1024 * 1024;
const CONNECT_MS = 5_000;
/** Of one request: a part. */
const REQUEST_MS = 120_000;

/**
 * Files in a bucket. One that is larger than a part is sent part by part, of which at most two are in memory, and is there once the upload
 * is completed. The client is loaded with the first file.
 */
export function createS3Store(options: S3Options): FileStore {
  const { bucket: Bucket, prefix, partBytes = PART_BYTES } = options;
  const url = prefix === '' ? `s3://${Bucket}` : `s3://${Bucket}/${prefix}`;
  const at = <T>(work: () => Promise<T>) => atStore(url, work);
  const placeOf = (key: string) => ({ Bucket, Key: prefix === '' ? key : `${prefix}/${key}` });
  let opened: Promise<Connected> | undefined;
  const s3 = () => (opened ??= connect(options));

  async function upload(place: Place, first: Buffer, rest: AsyncIterable<Buffer>): Promise<void> {
    const { sdk, client } = await s3();
    const { UploadId } = await at(() =>
      client.send(new sdk.CreateMultipartUploadCommand({ ...place, ContentType: CSV })),
    );
    try {
      const Parts: CompletedPart[] = [];
      const send = async (Body: Buffer) => {
        const PartNumber = Parts.length + 1;
        const { ETag } = await at(() =>
          client.send(new sdk.UploadPartCommand({ ...place, UploadId, PartNumber, Body })),
        );
        Parts.push({ ETag, PartNumber });
      };
      await send(first);
      for await (const part of rest) await send(part);
      await at(() =>
        client.send(
          new sdk.CompleteMultipartUploadCommand({ ...place, UploadId, MultipartUpload: { Parts } }),
        ),
      );
    } catch (error) {
      // What cannot be given up now is given up by the bucket's rule for incomplete uploads.
      await client.send(new sdk.AbortMultipartUploadCommand({ ...place, UploadId })).catch(() => undefined);
      throw error;
    }
  }

  return {
    url,
    async write(key, pieces) {
      const place = placeOf(key);
      const parts = partsOf(pieces, partBytes);
      const first = await parts.next();
      const Body = first.done ? Buffer.alloc(0) : first.value;
      if (Body.length === partBytes) return upload(place, Body, parts);
      const { sdk, client } = await s3();
      await at(() => client.send(new sdk.PutObjectCommand({ ...place, Body, ContentType: CSV })));
    },
    open: (key) =>
      at(async () => {
        const { sdk, client } = await s3();
        const { Body } = await client.send(new sdk.GetObjectCommand(placeOf(key)));
        if (!Body) throw new Error(`${key} was answered without a body`);
        // In Node it is a stream of buffers.
        return Body as AsyncIterable<Buffer>;
      }),
    remove: (key) =>
      at(async () => {
        const { sdk, client } = await s3();
        await client.send(new sdk.DeleteObjectCommand(placeOf(key)));
      }),
    async close() {
      if (opened) (await opened).client.destroy();
    },
  };
}

type Connected = { sdk: typeof Sdk; client: S3Client };
type Place = { Bucket: string; Key: string };

const CSV = 'text/csv; charset=utf-8';

async function connect(options: S3Options): Promise<Connected> {
  const sdk = await import('@aws-sdk/client-s3');
  const { region, endpoint, credentials } = options;
  const client = new sdk.S3Client({
    region,
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...(credentials && { credentials }),
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      requestTimeout: REQUEST_MS,
      throwOnRequestTimeout: true,
    },
  });
  return { sdk, client };
}

/** The same bytes in parts of one size, the last one excepted. */
async function* partsOf(pieces: AsyncIterable<Buffer>, size: number): AsyncGenerator<Buffer> {
  let [held, length]: [Buffer[], number] = [[], 0];
  for await (const piece of pieces) {
    held.push(piece);
    length += piece.length;
    if (length < size) continue;
    let rest = Buffer.concat(held);
    for (; rest.length >= size; rest = rest.subarray(size)) yield rest.subarray(0, size);
    [held, length] = [[rest], rest.length];
  }
  if (length > 0) yield Buffer.concat(held);
}
