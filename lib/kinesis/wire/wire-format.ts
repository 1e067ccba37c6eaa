/** The wire format of GetRecords. */
export type WireFormat = 'cbor' | 'json';

export const CBOR_TYPE = 'application/x-amz-cbor-1.1';

/** The format of an answer, by its content type. Without one it is taken for JSON, as in the SDK. */
export function formatOf(contentType: string | undefined): WireFormat {
  return contentType?.toLowerCase().includes('cbor') ? 'cbor' : 'json';
}
