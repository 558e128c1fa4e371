"""For students on the hub, as VENV/etc/jupyter/nbgrader_config.py: hand in through nbgrader's exchange.

The exchange only collects. It cannot hand out, since every student has another notebook; and nothing is graded on the hub.
"""

import os

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "explorers-and-settlers"  # course.toml's id, or another word without spaces
c.Exchange.root = os.environ.get("EXPLORERS_EXCHANGE", "/srv/nbgrader/exchange")
c.ExchangeSubmit.strict = True  # a notebook under another name is refused at once
c.Exchange.timezone = "UTC"
