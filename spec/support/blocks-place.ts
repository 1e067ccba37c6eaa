import { S3Client } from '@aws-sdk/client-s3';
import { ClassicLevel } from 'classic-level';
import { blockStore, memoryBlocks, type BlockStore, type KinesisEvent, type StorageLevel } from '../../lib/index.js';
import { levelBlocks } from '../../lib/level/index.js';
import { s3Blocks } from '../../lib/s3/index.js';

export const RECORDS_A_BLOCK = 5;

/** Where blocks are kept: the same for the process that stores them and for the one that finds them. */
export interface BlocksPlace {
  readonly level: StorageLevel;
  /** Holds `blocks`, if there is a disk, and `checkpoints`. */
  readonly directory: string;
  /** Where S3 listens, its bucket, and the prefix of the replica. */
  readonly s3: { readonly endpoint: string; readonly bucket: string; readonly prefix: string };
  /** The budget of the memory tier. */
  readonly memoryBytes: number;
}

/** What the process that stores needs to know. */
export interface BlocksWorkerSettings extends BlocksPlace {
  readonly streamName: string;
  /** Where Kinesis listens. */
  readonly kinesis: string;
}

/** Opens the block store of a place. */
export function blocksAt(
  { level, directory, s3, memoryBytes }: BlocksPlace,
  events?: { next: (event: KinesisEvent) => void },
): { readonly blocks: BlockStore; close(): Promise<void> } {
  const { endpoint, bucket, prefix } = s3;
  const credentials = { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' };
  const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials, maxAttempts: 1 });
  const db = level.includes('DISK') ? new ClassicLevel(`${directory}/blocks`) : undefined;
  const blocks = blockStore(level, {
    ...(level.startsWith('MEMORY') && { memory: memoryBlocks({ maxBytes: memoryBytes }) }),
    ...(db && { disk: levelBlocks(db) }),
    ...(level.endsWith('_2') && { replicas: [s3Blocks({ client, bucket, prefix })] }),
    ...(events && { events }),
  });
  const close = async () => {
    client.destroy();
    await db?.close();
  };
  return { blocks, close };
}
