# What the client for Python reads of the beans of a pattern: the pattern, and the URLs of servers.
import json
import sys

from jolokia.api import JolokiaClient

pattern, *urls = sys.argv[1:]
json.dump([JolokiaClient(url).get_attribute(mbean=pattern, attribute=None) for url in urls], sys.stdout)
