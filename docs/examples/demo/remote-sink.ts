import { defer, filter, map, take, type Observable } from 'rxjs';
import type { Block, KinesisRecord, Shard } from '../../../lib/index.js';
import type { Flight } from './flights.js';
import type { ParentMessage, SaveRequest, WorkerMessage } from './messages.js';

/** Saves a block in the sink, and emits it when it is on the sink's disk. */
export type Save = (block: Block, shard: Shard) => Observable<Block>;

/** The sink as a worker sees it. The sink itself is in the parent process, since all workers share it. */
export function remoteSink(tell: (message: WorkerMessage) => void, messages$: Observable<ParentMessage>): Save {
  let calls = 0;
  return (block, shard) =>
    defer(() => {
      const call = calls++;
      tell({ type: 'save', call, request: requestFor(block, shard) });
      return messages$.pipe(
        filter((message) => message.type === 'answer' && message.call === call),
        take(1),
        map((answer) => {
          if ('error' in answer) throw new Error(`The sink refused a block: ${answer.error}`);
          return block;
        }),
      );
    });
}

/** The work of the worker: it makes flights of payloads. */
export function requestFor({ id, records }: Block, { shardId, fencingToken = '0' }: Pick<Shard, 'shardId' | 'fencingToken'>): SaveRequest {
  const saved = records.map((record) => {
    const { sequenceNumber, subSequenceNumber } = record;
    return { flight: flightOf(record), sequenceNumber, subSequenceNumber };
  });
  return { blockId: id, shardId, fencingToken, records: saved };
}

function flightOf({ data }: KinesisRecord): Flight {
  return JSON.parse(new TextDecoder().decode(data)) as Flight;
}
