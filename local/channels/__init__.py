"""Simulated endpoints of alerts: they take what their vendors document, and refuse the rest as the vendors do.

They share no code with what writes the payloads. The limits and answers are those of the vendors' references, by facts:
Slack's incoming webhooks and Block Kit, Discord's Execute Webhook, Teams workflows with Adaptive Cards 1.x,
PagerDuty's Events API v2, and Standard Webhooks 1.0.
"""
