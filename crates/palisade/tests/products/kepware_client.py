"""Drives the double with the vendor's own client: reads what Palisade reads, and mends two things."""
import sys

from kepconfig import connection, iot_gateway
from kepconfig.admin import user_groups, users
from kepconfig.connectivity import channel

server = connection.server("127.0.0.1", int(sys.argv[1]), "Administrator", "Größe-und-14-Zeichen")
assert server.get_info()["product_id"] == "012"
assert "PROJECT_ID" in server.get_project_properties()
assert len(users.get_all_users(server)) == 4
assert users.get_user(server, "Data Client")["libadminsettings.USERMANAGER_USER_GROUPNAME"] == "Anonymous Clients"
assert len(user_groups.get_all_user_groups(server)) == 3
assert channel.get_channel(server, "Line 1/2 #a")["servermain.MULTIPLE_TYPES_DEVICE_DRIVER"] == "Simulator"
assert len(iot_gateway.agent.get_all_iot_agents(server, iot_gateway.MQTT_CLIENT_AGENT)) == 1
assert server.modify_project_properties({"ddeserver.ENABLE": False})
assert iot_gateway.agent.modify_iot_agent(
    server,
    {"iot_gateway.MQTT_CLIENT_URL": "ssl://broker:8883"},
    agent="cloud",
    agent_type=iot_gateway.MQTT_CLIENT_AGENT,
)
