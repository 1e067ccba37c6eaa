import type { SdkClientConfig, SdkCommand, SdkContext, SdkHandler } from './sdk-seam.js';
import type { SerdeDetours } from './serde-detours.js';

/** Where the SDK keeps its own part of a context. */
const OWN_PART = '__smithy_context';

/** What a function that was made of middlewares has in it. */
export type StackParts = readonly unknown[];

/** Of what a {@link ResolvedStack} is made. */
export interface ResolvedStackOptions {
  readonly parts: StackParts;
  /** What its middlewares share. */
  readonly context: SdkContext;
  readonly detours: SerdeDetours;
}

/** The parts of the function that `client.send` would make for `command`. */
export function partsOf(command: SdkCommand, clientStack: unknown, config: SdkClientConfig): StackParts {
  // A package may wrap the command's two functions, for one call.
  return [clientStack, config, config.requestHandler, config.logger, command.serialize, command.deserialize];
}

/**
 * The middlewares of one client and command as one function, for one call after the other.
 *
 * @remarks
 * Its middlewares share a context. The SDK makes a new one for each call, and leaves in it what it has found out, such as an endpoint; a user's
 * middleware may do so too. Each call gets it as the first one did.
 */
export class ResolvedStack {
  readonly #handler: SdkHandler;
  readonly #parts: StackParts;
  readonly #context: SdkContext;
  readonly #detours: SerdeDetours;
  /** The context before the first call, and in it the SDK's own part. */
  readonly #first: SdkContext;

  constructor(handler: SdkHandler, { parts, context, detours }: ResolvedStackOptions) {
    this.#handler = handler;
    this.#parts = parts;
    this.#context = context;
    this.#detours = detours;
    this.#first = { ...context, [OWN_PART]: { ...(context[OWN_PART] as object) } };
  }

  /** Whether it would be made again of `parts`. */
  isMadeOf(parts: StackParts): boolean {
    return this.#parts.every((part, i) => part === parts[i]);
  }

  /** The function, for the next call, of `command`. */
  handlerFor(command: SdkCommand): SdkHandler {
    this.#detours.open();
    // To delete a key would make each later access slow.
    for (const key of Object.keys(this.#context)) if (!(key in this.#first)) this.#context[key] = undefined;
    const own = this.#first[OWN_PART] as object;
    Object.assign(this.#context, this.#first, { [OWN_PART]: 'commandInstance' in own ? { ...own, commandInstance: command } : { ...own } });
    return this.#handler;
  }
}
