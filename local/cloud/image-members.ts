import type { Hono } from 'hono';
import type { Env } from './faults.ts';
import { glanceFault } from './glance-fault.ts';
import { isVisible } from './image-list.ts';
import { bodyOf } from './json-body.ts';
import type { CloudImage, Region } from './state.ts';

/**
 * `/v2/images/{id}/members`: the projects that an image is shared with. Only the member itself can
 * accept the image.
 */
export function addMemberRoutes(app: Hono<Env>, region: Region): void {
  const { account } = region;
  const imageOf = (id: string) => [region.image(id)].find((image) => image && isVisible(image, account));
  const missing = (id: string) => `No image found with ID ${id}`;

  app.get('/images/:id/members', (c) => {
    const image = imageOf(c.req.param('id'));
    if (!image) return glanceFault(c, 404, missing(c.req.param('id')));
    if (image.visibility !== 'shared' && !image.members) {
      return glanceFault(
        c,
        403,
        `Not allowed to list members for image ${image.id}: Only shared images have members.`,
      );
    }
    const members = Object.keys(image.members ?? {}).map((member) => memberJson(image, member));
    return c.json({ members, schema: '/v2/schemas/members' });
  });

  app.post('/images/:id/members', async (c) => {
    const image = imageOf(c.req.param('id'));
    if (!image) return glanceFault(c, 404, missing(c.req.param('id')));
    if (image.visibility !== 'shared') {
      return glanceFault(c, 403, 'Only shared images have members.');
    }
    const { member } = await bodyOf<{ member: string }>(c);
    if (image.members?.[member]) return glanceFault(c, 409, `Member ${member} is duplicated`);
    image.members = { ...image.members, [member]: 'pending' };
    return c.json(memberJson(image, member));
  });

  app.put('/images/:id/members/:member', async (c) => {
    const { id, member } = c.req.param();
    const image = imageOf(id);
    if (!image?.members?.[member]) return glanceFault(c, 404, missing(id));
    if (member !== account.projectId)
      return glanceFault(c, 403, 'You are not permitted to modify this member');
    const { status } = await bodyOf<{ status: string }>(c);
    if (!['pending', 'accepted', 'rejected'].includes(status)) {
      return glanceFault(c, 400, `Invalid status: ${status}`);
    }
    image.members[member] = status;
    return c.json(memberJson(image, member));
  });
}

function memberJson({ id, members }: CloudImage, member: string) {
  return { image_id: id, member_id: member, status: members?.[member], schema: '/v2/schemas/member' };
}
