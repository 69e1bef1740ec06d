// Streams of the Messages API for k6 with the extension xk6-sse, each timed to
// its first content by the script's clock: whole milliseconds, as JavaScript's is.
import sse from 'k6/x/sse';

const streams = Number(__ENV.PEERS_STREAMS);
const rate = Number(__ENV.PEERS_RATE);

const closed = {
  executor: 'ramping-vus',
  startVUs: 0,
  stages: [
    { duration: __ENV.PEERS_RAMP, target: streams },
    { duration: __ENV.PEERS_HOLD, target: streams },
  ],
  gracefulStop: '5s',
};
const open = {
  executor: 'constant-arrival-rate',
  rate: rate,
  duration: __ENV.PEERS_HOLD,
  preAllocatedVUs: rate,
  gracefulStop: '5s',
};

export const options = {
  discardResponseBodies: true,
  systemTags: ['status'],
  scenarios: { streams: rate > 0 ? open : closed },
};

const body = JSON.stringify({
  model: 'claude-haiku-4-5',
  max_tokens: 1000,
  stream: true,
  messages: [{ role: 'user', content: 'count' }],
});
const headers = { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' };

export default function () {
  let first = 0;
  const began = Date.now();
  const response = sse.open(`${__ENV.PEERS_URL}/v1/messages`, { method: 'POST', body, headers }, (client) => {
    client.on('event', (event) => {
      if (first === 0 && event.name === 'content_block_delta') {
        first = Date.now();
      }
    });
  });
  if (first !== 0) {
    console.log(JSON.stringify({ id: response.headers['Request-Id'], ttft_ms: first - began }));
  }
}
