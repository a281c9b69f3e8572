// Signs and verifies messages with http-message-signatures. Reads a request per line, writes an answer per line.

import { createHash, createPublicKey } from 'node:crypto';
import { createInterface } from 'node:readline';
import { createSigner, createVerifier, httpbis } from 'http-message-signatures';

function publicKey(hex) {
  // SubjectPublicKeyInfo of an Ed25519 key is this prefix and the 32 bytes.
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(hex, 'hex')]);
  return createPublicKey({ key: der, format: 'der', type: 'spki' });
}

// The library has no digests of its own.
function checkDigest({ headers }, body) {
  const field = headers['content-digest'];
  if (field === undefined && body.length === 0) return;
  const [, name, digest] = /^(sha-256|sha-512)=:(.*):$/.exec(field);
  if (createHash(name.replace('-', '')).update(body).digest('base64') !== digest) throw new Error('digest');
}

async function verify(key, alg, { keyid, tag, body }, message, request) {
  const keyLookup = async (params) => {
    if (params.keyid !== keyid || params.tag !== tag) return null;
    return { id: keyid, algs: [alg], verify: createVerifier(key, alg) };
  };
  const config = { keyLookup, maxAge: 60, notAfter: Math.floor(Date.now() / 1000) + 30, all: true };
  if (!(await httpbis.verifyMessage(config, message, request))) throw new Error('not verified');
  checkDigest(message, Buffer.from(body, 'hex'));
  return true;
}

const operations = {
  sign: async ({ request, key, keyid, nonce, tag, label, covered, created, expires, alg, order }) => {
    const signed = await httpbis.signMessage(
      {
        key: { id: keyid, alg: 'hmac-sha256', sign: createSigner(Buffer.from(key, 'hex'), 'hmac-sha256').sign },
        name: label,
        fields: covered,
        params: order.filter((name) => (name !== 'alg' || alg) && (name !== 'expires' || expires !== null)),
        paramValues: { created: new Date(created * 1000), expires: expires && new Date(expires * 1000), nonce, tag },
      },
      request,
    );
    return { signature_input: signed.headers['Signature-Input'], signature: signed.headers.Signature };
  },
  verify: (asked) => verify(Buffer.from(asked.key, 'hex'), 'hmac-sha256', asked, asked.request),
  verify_response: (asked) => verify(publicKey(asked.key), 'ed25519', asked, asked.response, asked.request),
};

for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line);
  const answer = await operations[asked.op](asked).then(
    (ok) => ({ ok }),
    (error) => ({ error: `${error.name}: ${error.message}` }),
  );
  console.log(JSON.stringify(answer));
}
