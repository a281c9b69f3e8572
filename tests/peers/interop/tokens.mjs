// Signs and verifies tokens with jose. Reads a request per line, writes an answer per line, both JSON.

import { createPrivateKey } from 'node:crypto';
import { createInterface } from 'node:readline';
import { createLocalJWKSet, jwtVerify, SignJWT } from 'jose';

function secretKey({ alg, secret }) {
  const bytes = Buffer.from(secret, 'hex');
  if (alg === 'HS256') return bytes;
  // PKCS #8 of an Ed25519 secret is this prefix and the 32 bytes.
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), bytes]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

const operations = {
  sign: (request) => new SignJWT(request.claims).setProtectedHeader(JSON.parse(request.header)).sign(secretKey(request)),

  // With the key set where there is one, as any service would.
  verify: async (request) => {
    const { token, alg, jwks, audience, issuer } = request;
    const key = alg === 'HS256' ? secretKey(request) : createLocalJWKSet(JSON.parse(jwks));
    const requiredClaims = ['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'client_id'];
    const { payload } = await jwtVerify(token, key, { algorithms: [alg], typ: 'at+jwt', audience, issuer, requiredClaims });
    return payload;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const answer = await operations[request.op](request).then(
    (ok) => ({ ok }),
    (error) => ({ error: `${error.code ?? error.name}: ${error.message}` }),
  );
  console.log(JSON.stringify(answer));
}
