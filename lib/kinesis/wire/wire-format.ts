/** How GetRecords is written on the wire. */
export type WireFormat = 'cbor' | 'json';

export const CBOR_TYPE = 'application/x-amz-cbor-1.1';

/** The format of an answer by its content type. What names none is taken for JSON, as the SDK takes it. */
export function formatOf(contentType: string | undefined): WireFormat {
  return contentType?.toLowerCase().includes('cbor') ? 'cbor' : 'json';
}
