import { isRxKinesisError, isUnreachable, UnreachableError, type RxKinesisError } from '../values/errors.js';
import { nameOf } from '../internal/aws-errors.js';
import { placeOf } from '../internal/client-place.js';
import { classify } from './classify.js';
import { isShardReadError, ShardReadError } from './errors.js';

/** Where something was being read, as far as that is known. */
interface ReadPlace {
  readonly streamName: string;
  readonly shardId?: string;
  readonly position?: ShardReadError['position'];
  /** Whether the service has known it before. */
  readonly wasThere?: boolean;
}

/**
 * Wraps an error of the API; repeats only its name, since its message may name an account, and where the call was sent. Of this package's errors
 * it adds the position to a ShardReadError that was made where that is not known, and the stream to an UnreachableError, and returns the others unchanged.
 */
export function shardReadError(error: unknown, place: ReadPlace): RxKinesisError {
  if (isShardReadError(error) && !error.position && place.position) return placed(error, place);
  if (isRxKinesisError(error)) return withStream(error, place.streamName);
  const name = nameOf(error) || 'unknown error';
  const hints = place.wasThere ? HINTS_ONCE_THERE : HINTS;
  const message = Object.hasOwn(hints, name) ? hints[name]! : `reading failed with ${nameAndCode(error, name)}`;
  return new ShardReadError(`${message}${placeOf(error)}`, { ...place, retriable: classify(error) !== 'fatal', cause: error });
}

/** Adds the name of the stream to an error of the set-up, which was made where it is not known; returns any other error unchanged. */
export function withStream<E>(error: E, streamName: string): E | UnreachableError {
  if (!isUnreachable(error) || error.streamName !== undefined) return error;
  return new UnreachableError(error.service, withoutPlace(error.message), error.cause, streamName);
}

/** The same error at this place. */
function placed({ message, retriable, cause }: ShardReadError, place: ReadPlace): ShardReadError {
  return new ShardReadError(withoutPlace(message), { ...place, retriable, cause });
}

/** What follows the place that was known, or the service, with which a message begins. No name of a stream or shard has a colon. */
function withoutPlace(message: string): string {
  return message.slice(message.indexOf(': ') + 2);
}

const HINTS: Readonly<Record<string, string>> = {
  ResourceNotFoundException: "no such stream or shard (ResourceNotFoundException): are the name and the client's region and account right?",
  CredentialsProviderError:
    'no valid credentials (CredentialsProviderError): give the client some, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
  AccessDeniedException: 'the credentials may not read this stream (AccessDeniedException)',
};

const HINTS_ONCE_THERE: typeof HINTS = {
  ...HINTS,
  ResourceNotFoundException: 'the stream or the shard is not there any more (ResourceNotFoundException)',
};

/** The name of an error with its code: a fault of a socket has only the name `Error`. */
function nameAndCode(error: unknown, name: string): string {
  const code = (error as { readonly code?: unknown } | undefined | null)?.code;
  return typeof code === 'string' && /^[\w-]{1,100}$/.test(code) ? `${name} (${code})` : name;
}
