import { InvalidConfigError } from '../values/errors.js';
import { shown } from '../values/shown.js';
import type { StreamId } from './port.js';

/** The stream to read, by its name. */
export interface StreamByName {
  /** The name of the stream, in the client's account and region. */
  readonly streamName: string;
  /** Left out: the name is enough. */
  readonly streamARN?: undefined;
}

/** The stream to read, by its ARN. */
export interface StreamByARN {
  /** Left out: the ARN names the stream. */
  readonly streamName?: undefined;
  /** The ARN of the stream, for example `arn:aws:kinesis:eu-west-1:123456789012:stream/flights`. */
  readonly streamARN: string;
}

/** The stream to read: exactly one of the two. */
export type StreamConfig = StreamByARN | StreamByName;

/** A stream's name or ARN for the API, and the plain name that records and checkpoints have. */
export interface ResolvedStream {
  /** The plain name. */
  readonly streamName: string;
  /** How calls name the stream. */
  readonly id: StreamId;
}

/** StreamName in the API reference of GetRecords: 1 to 128 letters, digits, `_`, `.` and `-`. */
const STREAM_NAME = /^[a-zA-Z0-9_.-]{1,128}$/;
/** StreamARN in the API reference of GetRecords. */
const STREAM_ARN = /^arn:aws[^:]*:kinesis:[^:]*:\d{12}:stream\/([a-zA-Z0-9_.-]{1,128})$/;

/** Checks the stream's name or ARN. @throws InvalidConfigError */
export function resolveStream({ streamName, streamARN }: StreamConfig): ResolvedStream {
  if ((streamName === undefined) === (streamARN === undefined)) throw new InvalidConfigError('expected either streamName or streamARN');
  if (streamARN !== undefined) {
    const name = typeof streamARN === 'string' ? STREAM_ARN.exec(streamARN)?.[1] : undefined;
    if (name === undefined) throw new InvalidConfigError(`streamARN: expected the ARN of a Kinesis stream, got ${shown(streamARN)}`);
    return { streamName: name, id: { StreamARN: streamARN } };
  }
  if (typeof streamName !== 'string' || !STREAM_NAME.test(streamName)) {
    throw new InvalidConfigError(`streamName: expected 1 to 128 letters, digits, '_', '.' or '-', got ${shown(streamName)}`);
  }
  return { streamName, id: { StreamName: streamName } };
}

/** The plain name of a stream, however it is named to the API. */
export function streamNameOf({ StreamName, StreamARN }: StreamId): string {
  return StreamName ?? StreamARN.slice(StreamARN.lastIndexOf('/') + 1);
}
