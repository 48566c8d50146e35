import { beforeEach, expect, test } from 'vitest';
import type { CloudImage } from '../../local/cloud/state.ts';
import { copyEvent, type Rackspace, rackspace } from '../offsite/rackspace.ts';

let r: Rackspace;

beforeEach(async () => {
  r = await rackspace();
});

test('a run is killed after any of its requests: the next run completes the copies, and each image is exported once', async () => {
  /**
   * No request is answered after so many.
   *
   * @returns whether it came to that.
   */
  const killAfter = (requests: number) => {
    let died = false;
    const services = ['image', 'object-store'] as const;
    let left = requests;
    const dead = services.map((service) => ({ service, times: 1e9, answer: { status: 400, body: 'dead' } }));
    r.h.cloud.faults.splice(0);
    r.h.cloud.faults.push(
      ...services.map((service) => ({
        service,
        times: 1e9,
        answer: () => {
          left -= 1;
          if (left > 0) return;
          died = true;
          r.h.cloud.faults.splice(0, 2, ...dead);
        },
      })),
    );
    return () => {
      r.h.cloud.faults.splice(0);
      return died;
    };
  };
  const images: CloudImage[] = [];
  for (let n = 1; ; n++) {
    const image = r.addSnapshot();
    images.push(image);
    let died = false;
    for (let phase = 0; phase < 2; phase++) {
      const isDead = killAfter(n);
      await r.h.run('offsite', copyEvent()).catch(() => {});
      died = isDead() || died;
      await r.h.run('offsite', copyEvent());
      r.pass(1);
    }
    await r.h.run('offsite', copyEvent());
    r.expectCopiesOf(...images.slice(-2));
    const its = r.region.tasks.all.filter(({ input }) => input.image_uuid === image.id);
    expect(its.map(({ status }) => status)).toEqual(['success']);
    if (!died) break;
    r.pass(3);
  }
  // Each request of a run that makes one copy and deletes another was once the last one.
  expect(images.length).toBeGreaterThan(20);
});
