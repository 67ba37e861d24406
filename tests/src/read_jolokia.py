# What the client for Python reads of a server: its URL, a bean, a pattern, and credentials.
import json
import sys

from jolokia.api import JolokiaClient

url, bean, pattern, user, password = sys.argv[1:]
client = JolokiaClient(url, username=user or None, password=password or None)
domain, properties = bean.split(":", 1)
json.dump(
    {
        "version": client.version(),
        "one": client.get_attribute(mbean=bean, attribute="Count"),
        "several": client.get_attribute(mbean=bean, attribute=["Count", "Mean"]),
        "missing": client.get_attribute(mbean="no:such=bean", attribute="Count"),
        "search": client.search(mbean=pattern),
        "list": client.list(path=f"{domain}/{properties}"),
        "exec": client.execute(mbean=bean, operation="reset", arguments=[]),
    },
    sys.stdout,
)
